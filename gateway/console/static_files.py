"""The console's own files, read once: their types, their caching, and names that change with their content."""

import hashlib
from pathlib import Path

from msgspec import Struct

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "public, no-cache"


class StaticFile(Struct, frozen=True):
    """One file: `version` is the start of its SHA-256, in its URL and its ETag."""

    body: bytes
    media_type: str
    version: str


class StaticFiles:
    """Every file of static/ by its path there. A path that is not in the table does not exist: no folder is walked."""

    def __init__(self) -> None:
        self._files: dict[str, StaticFile] = {}
        for path in sorted(_FOLDER.rglob("*")):
            if path.suffix in _TYPES:
                body = path.read_bytes()
                version = hashlib.sha256(body).hexdigest()[:16]
                self._files[path.relative_to(_FOLDER).as_posix()] = StaticFile(body, _TYPES[path.suffix], version)

    def find(self, path: str) -> StaticFile | None:
        """The file at a path below /console/static/."""
        return self._files.get(path.lstrip("/"))

    def url(self, path: str) -> str:
        """Where a page finds a file. Raises KeyError for one that does not exist."""
        return f"/console/static/{path}?v={self._files[path].version}"
