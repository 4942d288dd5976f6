"""Publishing to an object store: S3, or what speaks its protocol, through obstore.

Objects carry the media type and the caching of what they are, so that the bucket can be served as it is. They are sent
several at a time; `flush` returns when the store has confirmed all of them, and S3 confirms only what is durable.
"""

import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, S3Store

from gateway.tlog.media import media_of

_SENDERS = 16
"""A put takes tens of milliseconds, nearly all of it waiting."""
_PENDING_MAX = 256
"""So many files wait to be sent, each a few KiB, or a few hundred for a bundle; then `write` waits itself."""
_TIMEOUT_S = 20
_RETRIES_MAX = 3
_REMOVED_AT_ONCE = 1000
"""What one DeleteObjects call takes."""


class ObjectTarget:
    """A Target over an object store. One thread writes at a time, as a sequencer does; any may read beside it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._senders = ThreadPoolExecutor(_SENDERS, "publish")
        self._pending: dict[str, Future[None]] = {}

    def read(self, path: str) -> bytes | None:
        """The object's bytes; one that is being sent is waited for, and whether it arrived is flush's to say.

        Raises OSError.
        """
        sent = self._pending.get(path)
        if sent is not None:
            wait([sent])
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise _fault(path, error) from None

    def write(self, path: str, data: bytes) -> None:
        """Begin to send an object; `flush`, or the next use of this path, says whether it arrived. Raises OSError."""
        if len(self._pending) >= _PENDING_MAX:
            self.flush()
        self._settle([path])  # two versions of one object must not race
        self._pending[path] = self._senders.submit(self._put, path, data)

    def remove(self, paths: Iterable[str]) -> None:
        """Take objects away. Raises OSError."""
        gone = list(paths)
        self._settle(gone)
        for start in range(0, len(gone), _REMOVED_AT_ONCE):
            try:
                obstore.delete(self._store, gone[start : start + _REMOVED_AT_ONCE])
            except FileNotFoundError:
                continue
            except BaseError as error:
                raise _fault(gone[start], error) from None

    def flush(self) -> None:
        """Wait for everything that was begun. Raises OSError when something of it did not arrive."""
        self._settle(list(self._pending))

    def _settle(self, paths: Iterable[str]) -> None:
        """Wait for what is being sent to these paths, all of it, before the first failure is raised."""
        sent = [future for path in paths if (future := self._pending.pop(path, None)) is not None]
        failures = [error for future in sent if (error := future.exception()) is not None]
        if failures:
            raise failures[0]

    def _put(self, path: str, data: bytes) -> None:
        media = media_of(path)
        attributes = {"Content-Type": media.content_type, "Cache-Control": media.cache_control}
        try:
            obstore.put(self._store, path, data, attributes=attributes, use_multipart=False)
        except (BaseError, FileNotFoundError) as error:  # no such bucket is a file that is not found
            raise _fault(path, error) from None


def open_object_target(url: str) -> ObjectTarget:
    """The target at `s3://bucket/prefix`.

    Credentials, region and endpoint are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT and what
    else AWS calls them in the environment, or the machine's role. An endpoint without TLS needs AWS_ALLOW_HTTP=true.
    Raises ValueError for a URL without a bucket and for settings that cannot be.
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise ValueError("an object store is written as s3://bucket/prefix")
    try:
        store = S3Store(
            bucket,
            prefix=prefix.strip("/") or None,
            client_options={
                "timeout": timedelta(seconds=_TIMEOUT_S),
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true",
            },
            retry_config={"max_retries": _RETRIES_MAX, "retry_timeout": timedelta(seconds=_TIMEOUT_S)},
        )
    except BaseError as error:
        raise ValueError(_first_line(error)) from None
    return ObjectTarget(store)


def _fault(path: str, error: Exception) -> OSError:
    return OSError(f"{path}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """What obstore says first; the rest is its inner state, which is nobody's business."""
    return str(error).partition("\n")[0]
