"""Many connections that call without a pause, and keep the receipt of every answer that arrived whole."""

import asyncio
from collections import Counter
from collections.abc import Callable

from gateway.audit.leaf import Receipt
from gateway.audit.receipt import parse_receipt
from tests.flows.hub import Gateway
from tests.flows.wire import Reply, Wire


class Load:
    """What came back so far. `broken` counts connections that ended without the answer that was due."""

    def __init__(self, gateway: Gateway, target: str = "/v1/shipments/S-1") -> None:
        self._gateway, self._target = gateway, target
        self.statuses: Counter[int] = Counter()
        self.receipts: list[Receipt] = []
        self.agreements: Counter[str] = Counter()
        self.broken = 0
        self.answered = asyncio.Event()
        self._stopping = False

    @property
    def answers(self) -> int:
        return sum(self.statuses.values())

    def stop(self) -> None:
        """Every connection ends after the answer that it waits for."""
        self._stopping = True

    def go_on(self) -> None:
        """After a stop: `run` calls again, and adds to what came back."""
        self._stopping = False

    async def run(self, connections: int, on_answer: Callable[[], None] = lambda: None) -> None:
        """Call until stopped or cut off; `on_answer` after every answer."""
        await asyncio.gather(*(self._caller(on_answer) for _ in range(connections)))

    async def reached(self, condition: Callable[[], bool], patience_s: float = 60) -> None:
        """Wait for an answer after which it is so. Raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            while not condition():
                self.answered.clear()
                await self.answered.wait()

    async def _caller(self, on_answer: Callable[[], None]) -> None:
        try:
            async with await Wire.open(self._gateway.url) as wire:
                request = wire.head(self._target, [self._gateway.bearer])
                while not self._stopping:
                    await wire.send(request)
                    reply = await wire.answer()
                    if reply is None:
                        self.broken += 1
                        return
                    self._keep(reply)
                    self.answered.set()
                    on_answer()
        except ConnectionError:
            self.broken += 1

    def _keep(self, reply: Reply) -> None:
        self.statuses[reply.status] += 1
        self.agreements[reply.headers.get("clausegate-agreement", "")] += 1
        if reply.status == 200:
            receipt = parse_receipt(reply.receipt or "")
            assert receipt is not None, reply.headers
            self.receipts.append(receipt)
