"""The port for where a log is published: a folder that a web server can serve as it is, or an object store."""

from collections.abc import Iterable
from typing import Protocol


class Target(Protocol):
    """Files by path (`root/tile/0/000`). Blocking; every method raises OSError when it cannot be done."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None when there is none."""

    def write(self, path: str, data: bytes) -> None:
        """Put a file there, whole or not at all; replaces one of that name. Durable after `flush`.

        A file that holds these very bytes already may be left as it is.
        """

    def remove(self, paths: Iterable[str]) -> None:
        """Take files away; one that is not there is no fault."""

    def flush(self) -> None:
        """Return when everything written before is on stable storage."""
