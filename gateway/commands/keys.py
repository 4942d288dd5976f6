"""clausegate keys: the keys that sign access tokens, what encrypts them and the server's other secrets at rest, and the
hub's own certificates.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands.terminal import Folder, FormatOption, counted, err, fail, open_workspace, out, print_json

if TYPE_CHECKING:
    from gateway.store.signing_keys import KeptKey
    from gateway.store.store import Store

NAME = "keys"
_PLAIN = "not encrypted"
app = typer.Typer(
    name=NAME,
    help="The keys that sign access tokens: list, rotate, encrypt at rest. Who signs is on the audit log. And the "
    "certificates that the hub itself relies on.",
    no_args_is_help=True,
)


@app.command("list")
def list_all(folder: Folder, output: FormatOption = "text") -> None:
    """List the signing keys: the active one, the one that is published already and signs next, the retired ones.

    Says of each when it was made, when it began to sign, when it ceased, when it will be forgotten because no token of
    it can be in use any more, and which key it is encrypted under.
    """
    from gateway.commands.reading import reading
    from gateway.commands.tables import print_rows, table
    from gateway.store.signing_keys import SigningKeys

    found = reading(open_workspace(folder), lambda store: SigningKeys(store).kept())
    if output == "json":
        print_json([_described(key) for key in found])
        return
    rows = table("kid", "state", "created", "activated", "retired", "forgotten", "sealed by")
    for key in found:
        said = _described(key)
        times = (_time(said[name]) for name in ("created_s", "activated_s", "retired_s", "forgotten_s"))
        rows.add_row(key.kid, key.state, *times, key.sealed_by or _PLAIN)
    print_rows(rows, "There is no signing key yet: `clausegate serve` makes the first ones.")


@app.command()
def certificates(folder: Folder, output: FormatOption = "text") -> None:
    """List the certificates that the hub itself relies on, as their files are now, and when each ends.

    Its own TLS certificate, the authorities that issue its partners theirs, and what it shows to partners' interfaces;
    those between them and a root as well. What a proxy in front shows is not among them.
    """
    from gateway.commands.certificates_report import shown_certificates
    from gateway.credentials.relied_on import places_of, read_places

    workspace = open_workspace(folder)
    found = read_places(places_of(workspace.settings, workspace.folder, workspace.services))
    shown_certificates(found, as_json=output == "json")


@app.command()
def rotate(
    folder: Folder,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Refuse what the key before has signed, within a second.")
    ] = False,
    output: FormatOption = "text",
) -> None:
    """Let the pending key sign. Tokens signed before stay good until they end, and no token is refused for it.

    With --compromised they are refused: each client has to get a new one. Do it twice where the pending key may be
    known as well.
    """
    from gateway.commands.administering import administer

    kid = administer(open_workspace(folder), lambda administration: administration.rotate_keys(compromised=compromised))
    if output == "json":
        print_json({"kid": kid})
    else:
        out().print(f"signing now: {kid}", soft_wrap=True)


@app.command()
def encrypt(folder: Folder, output: FormatOption = "text") -> None:
    """Encrypt every private key and secret of the state store anew, under the first key that clausegate.toml names.

    After it, keys that are named behind the first are not needed any more. May run beside a serving gateway, and again.
    """
    from gateway.commands.reading import reading

    workspace = open_workspace(folder)
    if not (workspace.settings.key_encryption_key or workspace.settings.key_encryption_url).strip():
        fail("there is nothing to encrypt with: clausegate.toml sets neither key_encryption_key nor key_encryption_url")
    sealed, key_id = reading(workspace, _encrypted)
    if output == "json":
        print_json({"sealed": sealed, "sealed_by": key_id})
    else:
        out().print(f"{counted(sealed, 'secret')} encrypted under {key_id}", soft_wrap=True)


async def _encrypted(store: "Store") -> tuple[int, str]:
    """How many, and under which key. Raises StoreError."""
    from rich.progress import Progress

    from gateway.store.sealed_rows import SealedRows

    console = err()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("encrypting", total=None)
        sealed = await SealedRows(store).seal_again(lambda done, of: bar.update(task, completed=done, total=of))
    return sealed, store.encryption.key_id


def _described(key: "KeptKey") -> dict[str, Any]:
    from gateway.oauth.keys import forgotten_s

    names = ("kid", "state", "created_s", "activated_s", "retired_s")
    described = {name: getattr(key, name) for name in names}
    return {**described, "forgotten_s": forgotten_s(key.retired_s), "sealed_by": key.sealed_by}


def _time(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
