"""Commands of many calls on one connection: what comes while a batch is under way is the next batch, as in the audit
log's group commit. A call alone pays one round trip; a thousand at once share a few."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.limits.connection import Client

BATCH_MAX: Final = 32
"""Commands in a batch: bounds how long a server that is well is busy with one."""
GRACES: Final = 12
"""Turns of the event loop: an answer that is there already when time is up, because this process was busy, counts."""

Reply: TypeAlias = Any
"""What the store answered, or the exception that tells why it did not."""


class Late(Exception):  # noqa: N818 - what is the case
    """There was no answer in time."""


class _Question(Struct, eq=False):
    """A command, and whoever waits for its reply until `until_s`."""

    command: Callable[[], tuple[Any, ...]]
    answer: "asyncio.Future[Reply]"
    until_s: float


class Pipe:
    """Belongs to one event loop. Nothing is sent twice.

    A store from which nothing has come when a call has waited for `deadline_s` is given up, and everybody who waits is
    told so. It has half of that at least, so nobody waits more than half as long again for a store that is silent. Who
    waits only because this worker asks for more at once than it can carry waits on, for the store answers.
    """

    def __init__(self, client: Client, deadline_s: float) -> None:
        self._client, self._deadline_s = client, deadline_s
        self._queue: deque[_Question] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def ask(self, command: Callable[[], tuple[Any, ...]], until_s: float | None = None) -> Reply:
        """The reply, or an exception as a value: Late if the store is silent. Raises only when it is cancelled.

        `command` is called when it is sent: it may say until when anybody waits. `until_s`, by the loop's clock, is
        when the time of whoever asks is up; None: it begins now.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._deadline_s if until_s is None else until_s
        question = _Question(command, loop.create_future(), until_s)
        self._queue.append(question)
        if self._sending is None:
            self._sending = loop.create_task(self._send(self._queue))
        return await question.answer

    def abandon(self) -> None:
        """Give up what is under way and what waits: the connection is of no use."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        waiting, self._queue = self._queue, deque()
        for question in waiting:
            _resolve(question.answer, Late())

    async def close(self) -> None:
        """Disconnect."""
        sending = self._sending
        self.abandon()
        if sending is not None:
            await asyncio.wait({sending})
        await self._client.aclose()

    async def _send(self, queue: "deque[_Question]") -> None:
        while queue:
            batch = [queue.popleft() for _ in range(min(BATCH_MAX, len(queue)))]
            batch = [question for question in batch if not question.answer.done()]  # nobody waits for the others
            if batch:
                for question, reply in zip(batch, await self._replies(batch), strict=True):
                    _resolve(question.answer, reply)
        if self._queue is queue:
            self._sending = None

    async def _replies(self, batch: list[_Question]) -> list[Reply]:
        loop = asyncio.get_running_loop()
        silence_s = max(self._deadline_s / 2, batch[0].until_s - loop.time())
        watch = loop.call_later(silence_s, self._silent, loop, batch)
        try:
            pipeline: Any = self._client.pipeline(transaction=False)
            for question in batch:
                pipeline.execute_command(*question.command())
            replies: list[Reply] = await pipeline.execute(raise_on_error=False)
        except asyncio.CancelledError:
            for question in batch:
                _resolve(question.answer, Late())
            raise
        except Exception as error:  # whatever it is, it is why there is no answer
            return [error] * len(batch)
        finally:
            watch.cancel()
        return replies

    def _silent(self, loop: asyncio.AbstractEventLoop, batch: list[_Question], graces: int = 0) -> None:
        if all(question.answer.done() for question in batch):
            return
        if graces < GRACES:
            loop.call_soon(self._silent, loop, batch, graces + 1)
        else:
            self.abandon()


def _resolve(answer: "asyncio.Future[Reply]", reply: Reply) -> None:
    if not answer.done():
        answer.set_result(reply)
