"""A backend on a thread of its own: whole tests and threads come and go while a gateway in another process calls it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from tests.unit.adapters.hostile import Peer, Reply, response, serving

PAGE_RECORDS = 3


def shipment(key: str = "S-1", **more: Any) -> dict[str, Any]:
    """A record as the backend holds it: what no view grants begins with canary-."""
    return {
        "shipment_id": key,
        "carrier_code": "SWIFT",
        "weight_kg": 12.5,
        "note": "handle with care",
        "margin": "canary-margin",
        "customer": {"name": "canary-name", "phone": "13800001234"},
        "stops": [{"city": "Wuhan", "driver": "canary-driver"}],
        **more,
    }


async def well(peer: Peer, _: int) -> None:
    """A page for a list, a record for a key; a change is made, or so it says."""
    path = peer.target.partition("?")[0].split("/")
    if peer.method == "DELETE":
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        return
    if peer.method in {"POST", "PATCH"}:
        said: Any = shipment(path[2] if len(path) == 3 else "S-new", **json.loads(peer.body))
    elif len(path) == 3:
        said = shipment(path[2])
    else:
        said = {"data": [shipment(f"S-{number}") for number in range(PAGE_RECORDS)], "next": None}
    status = b"201 Created" if peer.method == "POST" else b"200 OK"
    more = (b"X-Trace: canary-header", b"Set-Cookie: s=canary-cookie")
    await peer.send(response(json.dumps(said).encode(), *more, status=status))


class Backend:
    """Where it listens, and what it does with a request: `reply` may be changed between two requests."""

    def __init__(self) -> None:
        self.port = 0
        self.reply: Reply = well

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, peer: Peer, number: int) -> None:
        """As `reply` says at this moment."""
        await self.reply(peer, number)


@contextmanager
def backend() -> Iterator[Backend]:
    """A backend that is well, until a test says otherwise."""
    running, started = Backend(), Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        async with serving(running.answer) as served:
            running.port = served.port
            ended = asyncio.Event()
            stop.append((asyncio.get_running_loop(), ended))
            started.set()
            await ended.wait()

    thread = Thread(target=lambda: asyncio.run(main()), name="backend", daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield running
    finally:
        loop, ended = stop[0]
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)
