"""A group of commands of which one is meant where none is named: `clausegate limits DIR` and `limits grant DIR`."""

from typing import Any

from typer.core import TyperGroup


def with_default(command: str) -> type[TyperGroup]:
    """The class of a group in which whatever begins with no command's name is for this one.

    A folder that has the name of a command is written `./grant`.
    """

    class DefaultGroup(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
                args = [command, *args]
            return super().parse_args(ctx, args)

    return DefaultGroup
