"""Who plays in the demo: the clients of the four partners and the hub's own, their keys and secrets, and the files that
list them."""

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contracts.agreement import HUB
from gateway.authority import NewClient
from gateway.oauth.clients import new_key_pair
from gateway.provision import NewAccount, provision
from gateway.store.clients import AuthMethod
from gateway.workspace import Workspace

CREDENTIALS = "credentials.json"
CONSOLE = "console.json"
HUB_CREDENTIALS = "hub-credentials.json"
HUB_CLIENT = "hengtai-app"
"""The hub's own program, which calls partners through the gateway."""
TOUR_FILE = "tour-client"
TOUR_CLIENT = "delta-repair-tour"
"""The tour runs into a limit that is counted per client: with a client of its own it uses up nobody else's calls."""

_CLIENTS: tuple[tuple[str, str, AuthMethod], ...] = (
    ("swift-logistics-app", "swift-logistics", "client_secret_basic"),
    ("harbor-bank-app", "harbor-bank", "private_key_jwt"),
    ("delta-repair-app", "delta-repair", "client_secret_basic"),
    ("summit-dealer-app", "summit-dealer", "client_secret_basic"),
)


class Credential(Struct, frozen=True, omit_defaults=True):
    """One entry of credentials.json. Files are absolute: `private_key_file` is the key that the client signs in with,
    `dpop_key_file` the one that its tokens are bound to. They are two, so that each can be replaced by itself."""

    client_id: str
    partner: str
    role: str
    auth_method: AuthMethod
    client_secret: str | None = None
    private_key_file: str | None = None
    dpop_key_file: str | None = None


async def provision_cast(workspace: Workspace, folder: Path) -> NewAccount:
    """Add the partners' clients, the hub's own and the console account `ops`; write credentials.json,
    hub-credentials.json and console.json, mode 0600.

    Raises AuthorityError, StoreError, OSError.
    """
    keys = folder / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    wanted: list[NewClient] = []
    files: dict[str, tuple[Path, Path]] = {}
    for client_id, partner, auth_method in _CLIENTS:
        jwks = None
        if auth_method == "private_key_jwt":
            pair, proving = new_key_pair(), new_key_pair()
            signing, bound = ((keys / name).resolve() for name in (f"{client_id}.pem", f"{client_id}.dpop.pem"))
            _write_private(signing, pair.private_pem.reveal().encode())
            _write_private(bound, proving.private_pem.reveal().encode())
            files[client_id], jwks = (signing, bound), pair.jwks
        wanted.append(NewClient(client_id, partner, auth_method, jwks))
    wanted.append(NewClient(TOUR_CLIENT, "delta-repair", "client_secret_basic"))
    wanted.append(NewClient(HUB_CLIENT, HUB, "client_secret_basic"))
    account, made = await provision(workspace, "ops", wanted)
    roles = {contract.partner: contract.role for contract in workspace.plans.contracts.values()} | {HUB: HUB}
    listed = [
        Credential(
            client_id=client.client_id,
            partner=client.partner,
            role=roles[client.partner],
            auth_method=client.auth_method,
            client_secret=client.secret.reveal() if client.secret else None,
            private_key_file=str(files[client.client_id][0]) if client.client_id in files else None,
            dpop_key_file=str(files[client.client_id][1]) if client.client_id in files else None,
        )
        for client in made
        if client.client_id not in (TOUR_CLIENT, HUB_CLIENT)
    ]
    _write_private(folder / CREDENTIALS, _pretty(listed))
    tour = next(client for client in made if client.client_id == TOUR_CLIENT)
    _write_private(keys / TOUR_FILE, tour.secret.reveal().encode() if tour.secret else b"")
    own = next(client for client in made if client.client_id == HUB_CLIENT)
    mine = Credential(HUB_CLIENT, HUB, HUB, "client_secret_basic", own.secret.reveal() if own.secret else None)
    _write_private(folder / HUB_CREDENTIALS, _pretty(mine))
    console = {"username": account.username, "password": account.password.reveal()}
    _write_private(folder / CONSOLE, _pretty(console))
    return account


def console_login(folder: Path) -> tuple[str, str]:
    """Username and password of the demo's console account. Raises OSError."""
    login = msgspec.json.decode((folder / CONSOLE).read_bytes(), type=dict[str, str])
    return login["username"], login["password"]


def credentials(folder: Path) -> dict[str, Credential]:
    """Credentials by client id: the partners', the hub's own, and those of the tour. Raises OSError."""
    listed = msgspec.json.decode((folder / CREDENTIALS).read_bytes(), type=list[Credential])
    secret = (folder / "keys" / TOUR_FILE).read_text()
    tour = Credential(TOUR_CLIENT, "delta-repair", "repair", "client_secret_basic", secret)
    own = msgspec.json.decode((folder / HUB_CREDENTIALS).read_bytes(), type=Credential)
    return {credential.client_id: credential for credential in [*listed, own, tour]}


def is_provisioned(folder: Path) -> bool:
    """Whether an earlier run got to its end: the last file is there."""
    return (folder / CONSOLE).is_file()


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _write_private(file: Path, content: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    beside.replace(file)
