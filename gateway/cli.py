"""The command line: every command of `clausegate`, one file each in gateway/commands."""

import typer

from gateway.commands import (
    check,
    demo,
    diff,
    explain,
    health,
    import_odcs,
    init,
    openapi,
    reveal,
    serve,
    status,
    token,
    trace,
    verify,
)

app = typer.Typer(
    name="clausegate",
    help="A partner gateway in which the signed contract is the configuration.",
    epilog="Begin with `clausegate demo`, or with `clausegate init DIR` for a workspace of your own.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo,
    init,
    import_odcs,
    check,
    diff,
    explain,
    serve,
    token,
    openapi,
    status,
    health,
    verify,
    trace,
    reveal,
):
    app.command(command.NAME)(command.run)


def main() -> None:
    """Entry point of the `clausegate` script."""
    app()


if __name__ == "__main__":
    main()
