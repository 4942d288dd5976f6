"""Assembles the demo's workspace from the sample documents that the project carries."""

import shutil
from pathlib import Path
from typing import Final

from msgspec import Struct

_PORT: Final = "${CLAUSEGATE_DEMO_BACKEND_PORT}"
_BANK_PORT: Final = "${CLAUSEGATE_DEMO_BANK_PORT}"
_BANK_SECRET: Final = "${CLAUSEGATE_DEMO_BANK_SECRET}"  # noqa: S105 - where it is, not what it is
_SAMPLES: Final = (
    ("contracts/documents", "", "README.md"),
    ("contracts/documents/products", "products", "*.odcs.yaml"),
    ("contracts/documents/services", "services", "*.openapi.yaml"),
    ("contracts/documents/agreements", "agreements", "*.yaml"),
    ("policies/documents", "policies", "*"),
    ("deploy/demo", "", "clausegate.toml"),
)
"""Folder of the project, folder of the workspace, which files."""


class BankAccess(Struct, frozen=True):
    """Where the bank's interface is on loopback, and the hub's secret there."""

    port: int
    secret: str

    def __repr__(self) -> str:
        return "BankAccess(...)"


NO_BANK: Final = BankAccess(9, "none")
"""The discard port, where nobody answers: calls of the bank say that it cannot be reached."""


def samples() -> Path:
    """The folder that holds the packages: of a checkout its root, of an installation its site-packages."""
    return Path(__file__).resolve().parents[2]


def assemble(folder: Path, backend_port: int, bank: BankAccess = NO_BANK) -> Path:
    """Make `folder`/workspace, over the data in `folder`/data and the backend process at `backend_port`.

    A document that is already there is left as it is: somebody may be trying out a change. Only backends.toml is
    written anew, since ports and secret differ from run to run. Returns the workspace. Raises OSError.
    """
    workspace = folder / "workspace"
    root = samples()
    for source, target, pattern in _SAMPLES:
        place = workspace / target
        place.mkdir(parents=True, exist_ok=True)
        for file in sorted((root / source).glob(pattern)):
            if file.is_file() and not (place / file.name).exists():
                shutil.copyfile(file, place / file.name)
    backends = (root / "deploy/demo/backends.toml").read_text(encoding="utf-8")
    for placeholder, value in ((_PORT, backend_port), (_BANK_PORT, bank.port), (_BANK_SECRET, bank.secret)):
        backends = backends.replace(placeholder, str(value))
    (workspace / "backends.toml").touch(mode=0o600)
    (workspace / "backends.toml").write_text(backends, encoding="utf-8")
    return workspace
