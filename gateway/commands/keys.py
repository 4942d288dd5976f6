"""clausegate keys: the keys that sign access tokens; every change is a record on the audit log."""

from datetime import UTC, datetime

import typer
from rich.table import Table

from gateway.commands.terminal import Folder, FormatOption, open_workspace, out, print_json

NAME = "keys"
app = typer.Typer(
    name=NAME,
    help="The keys that sign access tokens: list, rotate. Every change is on the audit log.",
    no_args_is_help=True,
)


@app.command("list")
def list_all(folder: Folder, output: FormatOption = "text") -> None:
    """List the signing keys: the active one, the one that is published already and signs next, the retired ones."""
    from gateway.commands.administering import administer

    found = administer(open_workspace(folder), lambda administration: administration.keys())
    if output == "json":
        print_json([{name: getattr(key, name) for name in ("kid", "state", "created_s", "retired_s")} for key in found])
        return
    table = Table("kid", "state", "created", box=None, pad_edge=False, header_style="bold")
    for key in found:
        table.add_row(key.kid, key.state, datetime.fromtimestamp(key.created_s, UTC).isoformat())
    out().print(table)


@app.command()
def rotate(folder: Folder) -> None:
    """Let the pending key sign. Tokens signed before stay good until they end, and no token is refused for it."""
    from gateway.commands.administering import administer

    kid = administer(open_workspace(folder), lambda administration: administration.rotate_keys())
    out().print(f"signing now: {kid}", soft_wrap=True)
