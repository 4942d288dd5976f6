"""clausegate explain: an agreement in prose."""

from typing import Annotated

import typer

from contracts.explain import explain
from gateway.commands.terminal import Folder, LanguageOption, fail, language_or_terminal, open_workspace

NAME = "explain"


def run(
    folder: Folder,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its name, such as swift-logistics-2026.")],
    language: LanguageOption = None,
) -> None:
    """Say what an agreement means: what the partner may see, how it is masked, and every clause with its numbers.

    The text is made from the values that the gateway executes, not beside them.
    """
    workspace = open_workspace(folder)
    text = explain(agreement, workspace.documents, workspace.plans, language_or_terminal(language))
    if text is None:
        known = ", ".join(sorted({name for name, _ in workspace.plans.contracts}))
        fail(f"there is no agreement {agreement}; there are: {known}")
    typer.echo(text)
