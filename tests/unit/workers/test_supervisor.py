"""The workers of a gateway, from their start to their end, without a process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog

from gateway.workers.messages import Failed
from gateway.workers.supervisor import Supervisor, WorkerError
from tests.unit.workers.scripted import URL, Crew, ScriptedWorker, reached

TERM, HUP, INT, KILL = signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL


class Said:
    """What `ready` was called with."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def __call__(self, url: str) -> None:
        self.urls.append(url)


@asynccontextmanager
async def supervised(crew: Crew, workers: int = 3) -> AsyncIterator[Supervisor]:
    """All of them serve, and are stopped at the end."""
    supervisor, said = Supervisor(crew.start, workers, pause=crew.pause, stop_s=0.05), Said()
    running = asyncio.create_task(supervisor.run(said))
    await reached(lambda: bool(said.urls))
    yield supervisor
    supervisor.stop()
    await running
    assert said.urls == [URL]


async def test_the_first_worker_serves_before_another_is_started_and_ready_is_said_once_all_do() -> None:
    crew, said = Crew(at_once=False), Said()
    supervisor = Supervisor(crew.start, 3, pause=crew.pause)
    running = asyncio.create_task(supervisor.run(said))
    await reached(lambda: len(crew.lives) == 1)
    await asyncio.sleep(0)
    assert [worker.number for worker in crew.lives] == [1]
    crew.lives[0].ready()
    await reached(lambda: len(crew.lives) == 3)
    crew.lives[1].ready()
    await asyncio.sleep(0)
    assert said.urls == []
    crew.lives[2].ready()
    await reached(lambda: said.urls == [URL])
    supervisor.stop()
    await running


async def test_the_first_worker_is_told_to_end_when_the_others_have_ended() -> None:
    crew = Crew(deaf=True)
    supervisor = Supervisor(crew.start, 3)
    running = asyncio.create_task(supervisor.run(lambda _: None))
    await reached(lambda: len(crew.lives) == 3)
    await asyncio.sleep(0)
    supervisor.stop()
    first, second, third = crew.lives
    await reached(lambda: second.signals == third.signals == [TERM])
    second.die(0)
    await asyncio.sleep(0)
    assert first.signals == []
    third.die(0)
    await reached(lambda: first.signals == [TERM])
    first.die(0)
    await running


async def test_a_worker_that_dies_is_started_again_and_the_others_hear_nothing_of_it() -> None:
    crew = Crew()
    async with supervised(crew):
        crew.lives[1].die()
        await reached(lambda: len(crew.of(2)) == 2)
        assert [len(crew.of(number)) for number in (1, 2, 3)] == [1, 2, 1]
        assert crew.lives[0].signals == crew.lives[2].signals == []


async def test_the_pauses_before_another_life_grow_and_each_death_is_said_with_its_reason() -> None:
    crew = Crew()
    with structlog.testing.capture_logs() as lines:
        async with supervised(crew):
            crew.refusals = 2
            crew.lives[1].say(Failed("the disk is full"))
            crew.lives[1].die(1)
            await reached(lambda: len(crew.of(2)) == 2)
    assert crew.pauses_s[:3] == [0.1, 0.2, 0.4]
    died = [line for line in lines if line["event"] == "worker ended"]
    assert [(line["worker"], line["status"], line.get("reason", "")) for line in died] == [
        (2, 1, "the disk is full"),
        (2, "no process left", ""),
        (2, "no process left", ""),
    ]


@pytest.mark.parametrize("number", [1, 2])
async def test_a_worker_that_cannot_start_at_first_ends_all_of_them_with_its_reason(number: int) -> None:
    crew = Crew(at_once=False)
    running = asyncio.create_task(Supervisor(crew.start, 2, pause=crew.pause).run(lambda _: None))
    await reached(lambda: len(crew.lives) == 1)
    if number == 2:
        crew.lives[0].ready()
        await reached(lambda: len(crew.lives) == 2)
    crew.lives[-1].say(Failed("the audit log cannot be opened: locked"))
    crew.lives[-1].die(1)
    with pytest.raises(WorkerError, match="the audit log cannot be opened: locked"):
        await running
    assert all(worker.signals == [TERM] for worker in crew.lives[:-1])


async def test_one_that_says_nothing_at_its_first_start_is_named() -> None:
    crew = Crew(at_once=False)
    running = asyncio.create_task(Supervisor(crew.start, 2, pause=crew.pause).run(lambda _: None))
    await reached(lambda: len(crew.lives) == 1)
    crew.lives[0].die(-11)
    with pytest.raises(WorkerError, match="worker 1 ended with status -11"):
        await running


async def test_the_first_worker_reloads_alone_and_the_others_when_it_has_done_so() -> None:
    crew = Crew()
    async with supervised(crew) as supervisor:
        first, second, third = crew.lives
        supervisor.reload()
        await reached(lambda: first.signals == [HUP])
        assert second.signals == third.signals == []
        first.reloaded()
        await reached(lambda: second.signals == third.signals == [HUP])
        second.reloaded()
        third.reloaded()


async def test_an_edit_with_a_mistake_is_refused_once_and_reaches_no_other_worker() -> None:
    crew = Crew()
    async with supervised(crew) as supervisor:
        first, second, third = crew.lives
        supervisor.reload()
        await reached(lambda: first.signals == [HUP])
        first.reloaded("first", done=False)
        supervisor.reload()  # the next one shows that the first is over
        await reached(lambda: first.signals == [HUP, HUP])
        assert second.signals == third.signals == []
        first.reloaded("first", done=False)


async def test_the_next_worker_leads_when_the_first_dies_of_a_reload() -> None:
    crew = Crew()
    async with supervised(crew) as supervisor:
        first, second, third = crew.lives
        supervisor.reload()
        await reached(lambda: first.signals == [HUP])
        first.die(-11)
        await reached(lambda: second.signals == [HUP])
        second.reloaded()
        await reached(lambda: third.signals == [HUP])
        third.reloaded()


async def test_a_worker_that_was_starting_reloads_as_soon_as_it_serves() -> None:
    """It may have read the documents just before they were edited."""
    crew = Crew()
    async with supervised(crew) as supervisor:
        crew._at_once = False
        crew.lives[2].die()
        await reached(lambda: len(crew.of(3)) == 2)
        supervisor.reload()
        await reached(lambda: crew.lives[0].signals == [HUP])
        crew.lives[0].reloaded()
        await reached(lambda: crew.lives[1].signals == [HUP])
        crew.lives[1].reloaded()
        crew.of(3)[1].ready()
        await reached(lambda: crew.of(3)[1].signals == [HUP])


async def test_stopping_does_not_wait_for_a_reload_that_nobody_answers() -> None:
    crew = Crew()
    async with asyncio.timeout(30), supervised(crew) as supervisor:
        supervisor.reload()
        await reached(lambda: crew.lives[0].signals == [HUP])


async def test_workers_that_serve_different_documents_are_noticed() -> None:
    crew = Crew()
    with structlog.testing.capture_logs() as lines:
        async with supervised(crew):
            crew._at_once = False
            crew.lives[1].die()
            await reached(lambda: len(crew.of(2)) == 2)
            crew.of(2)[1].ready("edited meanwhile")
            await reached(lambda: any("different documents" in line["event"] for line in lines))


@pytest.mark.parametrize("times", [1, 2])
async def test_one_that_does_not_end_is_killed_and_a_second_stop_does_not_wait_for_answers(times: int) -> None:
    crew = Crew(deaf=True)
    async with supervised(crew, 2) as supervisor:
        for _ in range(times - 1):
            supervisor.stop()
        killed: Callable[[ScriptedWorker], bool] = lambda worker: KILL in worker.signals  # noqa: E731
    assert all(map(killed, crew.lives))
    assert all((INT in worker.signals) == (times == 2) for worker in crew.lives)
