"""Assembles the demo's workspace from the sample documents that the project carries."""

import shutil
from pathlib import Path
from typing import Final

_PORT: Final = "${CLAUSEGATE_DEMO_BACKEND_PORT}"
_SAMPLES: Final = (
    ("contracts/documents", "", "README.md"),
    ("contracts/documents/products", "products", "*.odcs.yaml"),
    ("contracts/documents/agreements", "agreements", "*.yaml"),
    ("policies/documents", "policies", "*"),
    ("deploy/demo", "", "clausegate.toml"),
)
"""Folder of the project, folder of the workspace, which files."""


def samples() -> Path:
    """The folder that holds the packages: of a checkout its root, of an installation its site-packages."""
    return Path(__file__).resolve().parents[2]


def assemble(folder: Path, backend_port: int) -> Path:
    """Make `folder`/workspace, over the data in `folder`/data and the backend process at `backend_port`.

    A document that is already there is left as it is: somebody may be trying out a change. Only backends.toml is
    written anew, since the port differs from run to run. Returns the workspace. Raises OSError.
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
    (workspace / "backends.toml").write_text(backends.replace(_PORT, str(backend_port)), encoding="utf-8")
    return workspace
