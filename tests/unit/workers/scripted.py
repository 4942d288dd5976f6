"""Workers that do what a test says: processes without processes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

from gateway.workers.messages import Message, Ready, Reloaded

URL = "http://127.0.0.1:8080"


class ScriptedWorker:
    """One life of a worker. It ends in good order when it is told to, unless it is `deaf`."""

    def __init__(self, number: int, *, deaf: bool = False) -> None:
        self.number, self.deaf = number, deaf
        self.signals: list[signal.Signals] = []
        self._said: asyncio.Queue[Message | None] = asyncio.Queue()
        self._status = 0

    @property
    def pid(self) -> int:
        return 1000 + self.number

    def say(self, message: Message) -> None:
        self._said.put_nowait(message)

    def ready(self, documents: str = "first") -> None:
        self.say(Ready(URL, documents))

    def reloaded(self, documents: str = "second", *, done: bool = True) -> None:
        self.say(Reloaded(done, documents))

    def die(self, status: int = -9) -> None:
        self._status = status
        self._said.put_nowait(None)

    async def messages(self) -> AsyncIterator[Message]:
        while (message := await self._said.get()) is not None:
            yield message

    def send(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL or (number == signal.SIGTERM and not self.deaf):
            self.die(-9 if number == signal.SIGKILL else 0)

    async def ended(self) -> int:
        return self._status


class Crew:
    """Starts scripted workers: `lives` has every one that was started, in order; `refusals` are starts that fail."""

    def __init__(self, *, at_once: bool = True, deaf: bool = False) -> None:
        self.lives: list[ScriptedWorker] = []
        self.pauses_s: list[float] = []
        self.refusals = 0
        self._at_once, self._deaf = at_once, deaf

    async def start(self, number: int) -> ScriptedWorker:
        if self.refusals:
            self.refusals -= 1
            raise OSError(11, "no process left")
        worker = ScriptedWorker(number, deaf=self._deaf)
        self.lives.append(worker)
        if self._at_once:
            worker.ready()
        return worker

    async def pause(self, pause_s: float) -> None:
        self.pauses_s.append(pause_s)

    def of(self, number: int) -> list[ScriptedWorker]:
        """All lives of one worker."""
        return [worker for worker in self.lives if worker.number == number]


async def reached(condition: Callable[[], bool]) -> None:
    """Give everybody their turn until it is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")
