"""Where a published tree is read from by somebody who checks it: a folder, a URL, or a bucket.

Nothing that is read is believed to be of a sensible size. Over HTTP several files are under way at a time, and come in
order.
"""

import os
import re
import ssl
import stat
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from msgspec import Struct

from gateway.tlog.note import NOTE_BYTES_MAX
from gateway.tlog.target import Target
from gateway.tlog.tiles import ENTRY_BYTES_MAX, WIDTH, Fetch, TileError

BUNDLE_BYTES_MAX: Final = WIDTH * (2 + ENTRY_BYTES_MAX)
_TIMEOUT_S = 30
"""For the next bytes."""
FILE_S_MAX: Final = 300
"""For one file: a server that sends a byte now and then would keep a check going for ever."""
_WAIT_S_MAX = 120
_WAITS_MAX = 5
"""How long, and how often in a row, a server may ask to wait for one file before that counts as a refusal."""
_PARALLEL = 8
_AHEAD = 4
"""Requests that wait behind each one under way, so that no thread is idle while a bundle is hashed."""


class SourceError(Exception):
    """A log cannot be reached, or does not want to be read. The text is for whoever runs the check."""


class BusyError(SourceError):
    """The server wants to be read more slowly, and says how long to wait: `wait_s`."""

    def __init__(self, text: str, wait_s: int) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Source(Struct, frozen=True):
    """A published folder or tree. `fetch` raises OSError, SourceError, and TileError for a file that is too large.

    `names` gives the paths of all files below a folder, relative to it, where that can be known ("": everything); names
    that begin with a dot are left out, they are of files that are just being written.
    """

    where: str
    fetch: Fetch
    parallel: int = 1
    names: Callable[[str], Iterable[str]] | None = None

    def below(self, prefix: str) -> "Source":
        """The part of it below a folder, such as `partners/swift`."""
        fetch, names = self.fetch, self.names

        def named(folder: str) -> Iterable[str]:
            return names(f"{prefix}/{folder}".rstrip("/")) if names is not None else ()

        where = f"{self.where.rstrip('/')}/{prefix}"
        return Source(where, lambda path: fetch(f"{prefix}/{path}"), self.parallel, named if names else None)

    def in_order(self, paths: Iterable[str]) -> Iterator[bytes | None]:
        """The files at these paths, one after another; several are under way at a time where that is of use."""
        if self.parallel == 1:
            yield from map(self.fetch, paths)
            return
        pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="fetch")
        waiting: deque[Future[bytes | None]] = deque()
        try:
            for path in paths:
                waiting.append(pool.submit(self.fetch, path))
                if len(waiting) >= self.parallel * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def bytes_max(path: str) -> int:
    """How large the file at a path of a tree can be at most."""
    return BUNDLE_BYTES_MAX if "tile/entries/" in path else NOTE_BYTES_MAX


def folder_source(folder: Path) -> Source:
    """A folder on this machine, such as a copy of a published one."""

    def fetch(path: str) -> bytes | None:
        try:
            # a pipe that somebody has put there would keep whoever opens it waiting
            with open(os.open(folder / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise TileError(path, "no regular file")
                data = file.read(bytes_max(path) + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return _of_size(path, data)

    def names(below: str) -> Iterator[str]:
        for parent, folders, files in os.walk(folder / below):
            folders.sort()
            inside = Path(parent).relative_to(folder / below)
            yield from ((inside / name).as_posix() for name in sorted(files) if not name.startswith("."))

    return Source(str(folder), fetch, 1, names)


def target_source(target: Target, where: str) -> Source:
    """What a hub publishes to, such as a bucket."""

    def fetch(path: str) -> bytes | None:
        data = target.read(path)
        return None if data is None else _of_size(path, data)

    return Source(where, fetch, _PARALLEL)


def url_source(url: str, token: str = "", sleep: Callable[[float], None] = time.sleep) -> Source:
    """A tree that is served over HTTP, read with the partner's access token where that is not public.

    Certificates are verified, redirects are not followed, and the token travels over TLS or not further than this
    machine. A server that wants to be read more slowly (429 with Retry-After) is waited for, not for ever. Raises
    SourceError for a URL that is not usable.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceError("a log's URL is https:// and a host, or http:// within one's own network")
    if parts.username is not None or parts.query or parts.fragment:
        raise SourceError("a log's URL has no user, no query and no fragment")
    if token and parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SourceError("an access token is not sent over http://, where everybody on the way could read it")
    opener = build_opener(HTTPSHandler(context=ssl.create_default_context()), _NoRedirect())
    opener.addheaders = [("User-Agent", "clausegate-verify"), ("Accept-Encoding", "gzip")]
    prefix = url.rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def fetch(path: str) -> bytes | None:
        for _ in range(_WAITS_MAX):
            try:
                return _get(opener, f"{prefix}/{path}", path, headers)
            except BusyError as busy:
                sleep(busy.wait_s)
        return _get(opener, f"{prefix}/{path}", path, headers)

    return Source(prefix, fetch, _PARALLEL)


class _NoRedirect(HTTPRedirectHandler):
    """A log answers where it is; whoever could send us elsewhere would get the token there."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _get(opener: OpenerDirector, url: str, path: str, headers: Mapping[str, str]) -> bytes | None:
    try:
        with opener.open(Request(url, headers=dict(headers)), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked
            data = _body(path, answer)
            coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    except HTTPError as error:
        error.close()
        if error.code in (404, 410):
            return None
        wait_s = error.headers.get("Retry-After", "") if error.code == 429 else ""
        if re.fullmatch("[0-9]{1,3}", wait_s) and int(wait_s) <= _WAIT_S_MAX:
            raise BusyError(f"{path}: {_refusal(error.code)}", int(wait_s)) from None
        raise SourceError(f"{path}: {_refusal(error.code)}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(f"{path}: no answer ({type(reason).__name__})") from None
    if coding == "gzip":
        data = _unpacked(path, data)
    elif coding != "identity":
        raise SourceError(f"{path}: the answer has a coding that was not asked for")
    return _of_size(path, data)


def _body(path: str, answer: HTTPResponse) -> bytes:
    """What comes of an answer, up to a byte more than there can be. Raises SourceError when it does not come whole."""
    limit, until_s = bytes_max(path) + 1, time.monotonic() + FILE_S_MAX
    data = bytearray()
    while len(data) < limit and (part := answer.read1(limit - len(data))):
        data += part
        if time.monotonic() > until_s:
            raise SourceError(f"{path}: the answer has not ended after {FILE_S_MAX} s")
    if answer.length and len(data) < limit:
        raise SourceError(f"{path}: the answer ends too early")
    return bytes(data)


def _refusal(status: int) -> str:
    if status == 401:
        return "401, it wants an access token: put one into CLAUSEGATE_TOKEN, or name its variable with --token-env"
    return f"the answer is {status}"


def _unpacked(path: str, data: bytes) -> bytes:
    """What was compressed, and no more of it than there can be."""
    packed = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = packed.decompress(data, bytes_max(path) + 1)
    except zlib.error:
        raise SourceError(f"{path}: the answer cannot be decompressed") from None
    if not packed.eof and len(found) <= bytes_max(path):
        raise SourceError(f"{path}: the compressed answer ends too early")
    return found


def _of_size(path: str, data: bytes) -> bytes:
    if len(data) > bytes_max(path):
        raise TileError(path, f"larger than {bytes_max(path)} bytes")
    return data


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
