"""The hub's own HTTP service in the demo: shipments and repayments, whole records, canaries included.

A record can be changed (PATCH) for as long as the process lives; the files stay as they were generated.

Every record is encoded before the first request, so that an answer is a join of slices: in measurements of the
gateway this process must not be what is measured. Run as `python -m gateway.demo.backend --port P --data D`.
"""

import argparse
import sys
import threading
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote

import msgspec
import uvicorn

from gateway.demo.data import paths
from gateway.server import listen

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Reply: TypeAlias = tuple[int, bytes]

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 1_000
CHANGE_BYTES_MAX: Final = 64 * 1024
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""What is not changed keeps its exact text."""
_NOT_FOUND: Final[Reply] = (404, b'{"error":"not found"}')


class Collection:
    """Records in order of key, found by key, by page, and by the value of one field."""

    def __init__(self, file: Path, key: str, filtered_by: str) -> None:
        """Read `file`, one JSON object a line in order of `key`. Raises OSError, or ValueError for a bad line."""
        self.filtered_by = filtered_by
        names = {"key": key, "value": filtered_by}
        entry_type = msgspec.defstruct("Entry", [("key", str), ("value", str)], rename=names)
        index: msgspec.json.Decoder[Any] = msgspec.json.Decoder(entry_type)
        self._records: dict[str, bytes] = {}
        self._keys: dict[str | None, list[str]] = {None: []}
        for line in file.read_bytes().splitlines():
            entry = index.decode(line)
            self._records[entry.key] = line
            self._keys[None].append(entry.key)
            self._keys.setdefault(entry.value, []).append(entry.key)

    def one(self, key: str) -> Reply:
        """The record with this key, or 404."""
        record = self._records.get(key)
        return _NOT_FOUND if record is None else (200, record)

    def change(self, key: str, patch: bytes) -> Reply:
        """The record with other values for some of its fields, and then as it is (RFC 7396, one level deep)."""
        record = self._records.get(key)
        if record is None:
            return _NOT_FOUND
        try:
            fields = _FIELDS.decode(record) | _FIELDS.decode(patch)
        except msgspec.DecodeError:
            return 400, b'{"error":"the body is no object"}'
        self._records[key] = msgspec.json.encode(fields)
        return 200, self._records[key]

    def page(self, query: Mapping[str, str]) -> Reply:
        """`limit` records after key `after`, of those whose filter field has the asked value: {"data", "next"}."""
        unknown = set(query) - {"limit", "after", self.filtered_by}
        limit = query.get("limit", str(LIMIT_DEFAULT))
        if unknown or not limit.isdecimal() or not 1 <= int(limit) <= LIMIT_MAX:
            return 400, b'{"error":"limit is 1 to 1000; other parameters are after and one filter"}'
        keys = self._keys.get(query.get(self.filtered_by), [])
        start = bisect_right(keys, query["after"]) if "after" in query else 0
        chosen = keys[start : start + int(limit)]
        more = start + len(chosen) < len(keys)
        following = msgspec.json.encode(chosen[-1]) if more else b"null"
        records = b",".join([self._records[key] for key in chosen])
        return 200, b'{"data":[' + records + b'],"next":' + following + b"}"


class Backend:
    """A raw ASGI application: GET /{collection}, GET and PATCH /{collection}/{key}, and GET /healthz."""

    def __init__(self, collections: Mapping[str, Collection]) -> None:
        self._collections = collections

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; nothing but the answer's status tells what went wrong."""
        if scope["type"] != "http":
            return
        sent = await _body(receive) if scope["method"] == "PATCH" else b""
        status, body = self.reply(scope["method"], scope["raw_path"], scope["query_string"], sent)
        length = b"%d" % len(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def reply(self, method: str, raw_path: bytes, query: bytes, body: bytes = b"") -> Reply:
        """The answer to one request, as (status, body)."""
        if method not in ("GET", "PATCH"):
            return 405, b'{"error":"records are read and changed"}'
        if raw_path == b"/healthz":
            return 200, b'{"status":"ok"}'
        _, name, *rest = raw_path.decode("latin-1").split("/")
        collection = self._collections.get(name)
        if collection is None or len(rest) > 1:
            return _NOT_FOUND
        if rest:
            key = unquote(rest[0])
            return collection.one(key) if method == "GET" else collection.change(key, body)
        if method != "GET":
            return 405, b'{"error":"records are changed one at a time"}'
        return collection.page(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))


async def _body(receive: Receive) -> bytes:
    """A request's body, cut where it is longer than any change of a record: then it is no object."""
    body = b""
    while True:
        message: Message = await receive()
        body += message.get("body", b"")
        if len(body) > CHANGE_BYTES_MAX or not message.get("more_body", False):
            return bytes(body[:CHANGE_BYTES_MAX])


def hub_backend(data: Path) -> Backend:
    """The demo's backend over generated data. Raises OSError when they are not there."""
    files = paths(data)
    return Backend(
        {
            "shipments": Collection(files.shipments, "shipment_id", "carrier_code"),
            "repayments": Collection(files.repayments, "order_no", "bank_code"),
        }
    )


def main() -> None:
    """Serve until SIGTERM. Says `backend http://127.0.0.1:P` once it can be called; port 0 takes a free one."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.backend", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end as soon as standard input ends")
    parser.add_argument("--data", type=Path, required=True, help="folder of the generated data")
    arguments = parser.parse_args()
    app = hub_backend(arguments.data)
    listening = listen("127.0.0.1", arguments.port)
    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", ws="none", lifespan="off", access_log=False, log_config=None
    )
    print(f"backend http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(config)
    if arguments.until_eof:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    server.run(sockets=[listening])


def _end_with_input(server: uvicorn.Server) -> None:
    while sys.stdin.read(4096):
        pass
    server.should_exit = True


if __name__ == "__main__":
    main()
