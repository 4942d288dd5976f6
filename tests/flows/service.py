"""An HTTP service that keeps records and does what it is asked, or makes the change and then keeps silent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from tests.flows.backend import Backend, backend
from tests.unit.adapters.hostile import Peer, response

_MISSING = response(b'{"error":"canary-missing"}', status=b"404 Not Found")
_DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class Service:
    """Records by key. `changes` are the changes that were made; `silent` makes it answer none of them any more."""

    def __init__(self, listening: Backend) -> None:
        self.url = listening.url
        self.records: dict[int, dict[str, Any]] = {}
        self.changes: list[tuple[str, int]] = []
        self.silent, self.changed = False, Event()
        listening.reply = self.reply

    def hold(self, key: int, dealer: str, **more: Any) -> None:
        """Keep one more record."""
        plain = {"city": "Wuhan", "budget": 1.5, "visit": None, "phone": "13800001111", "margin": "canary-margin"}
        self.records[key] = {"lead_id": key, "dealer": dealer, **plain, **more}

    async def reply(self, peer: Peer, _: int) -> None:
        """One request of the gateway."""
        rest = peer.target.partition("?")[0].split("/")[2:]
        key = int(rest[0]) if rest and rest[0].isdigit() else 0
        if peer.method == "GET":
            await peer.send(self._found(key) if rest else self._page())
        elif rest and key not in self.records:
            await peer.send(_MISSING)
        else:
            said = self._change(peer, key)
            self.changed.set()
            if self.silent:
                await peer.request()  # returns once the gateway hangs up
            else:
                await peer.send(said)

    def _found(self, key: int) -> bytes:
        return response(json.dumps(self.records[key]).encode()) if key in self.records else _MISSING

    def _page(self) -> bytes:
        return response(json.dumps({"data": list(self.records.values()), "next": None}).encode())

    def _change(self, peer: Peer, key: int) -> bytes:
        """The change, made, and what to say of it."""
        made = peer.method == "POST"
        if made:
            key = max(self.records, default=0) + 1
            self.hold(key, "")
        self.changes.append((peer.method, key))
        if peer.method == "DELETE":
            del self.records[key]
            return _DONE
        self.records[key] |= json.loads(peer.body)
        return response(json.dumps(self.records[key]).encode(), status=b"201 Created" if made else b"200 OK")


@contextmanager
def service() -> Iterator[Service]:
    """A service without records that answers, until a test says otherwise."""
    with backend() as listening:
        yield Service(listening)
