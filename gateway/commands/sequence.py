"""clausegate sequence: put the audit log's records into the transparency log's trees, alone."""

import asyncio
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from gateway.commands.terminal import EXIT_FOUND, Folder, counted, err, existing, fail, out
from gateway.settings import FILE, Settings, read_settings

if TYPE_CHECKING:
    from gateway.tlog.sequencer import Step
    from gateway.tlog.service import Ended, SequencerService

NAME = "sequence"
_LOST = "another sequencer is at work on this log; it goes on, this one has ended"
_FAULT = "the sequencer has stopped: see above; `clausegate status` shows how far the trees are"


def run(
    folder: Folder,
    once: Annotated[bool, typer.Option("--once", help="Put in what there is now, the root log included, and end.")] = (
        False
    ),
) -> None:
    """Put every record into its partner's tree and the trees' checkpoints into the root log, until interrupted.

    For a hub whose clausegate.toml says `sequence = "alone"`. May be ended and killed at any moment: the next one goes
    on where it was. Of several only one works; the others end, with exit status 0. Exit status 1 when the log or what
    is published is not as it was left.
    """
    from gateway.commands.operator_log import configure_logging

    settings = read_settings(existing(folder))
    if not isinstance(settings, Settings):
        fail(f"clausegate.toml has {counted(len(settings), 'error')}; `clausegate check {folder}` lists them")
    if not (folder / FILE).is_file() and not settings.log_path(folder).is_dir():
        fail(f"{folder}: there is neither {FILE} nor a log: nothing to sequence was ever here")
    configure_logging()
    console = err()
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("sequencing", total=None)
        told = _Told(progress)
        ended = asyncio.run(_sequence(folder, settings, told, once))
    if ended == "lost":
        out().print(_LOST)
    elif ended == "fault":
        err().print(f"[bold red]error:[/] {_FAULT}")
        raise typer.Exit(EXIT_FOUND)
    else:
        out().print(f"{counted(told.records, 'record')} put into trees", soft_wrap=True)


class _Told:
    """Counts what was done, and shows it on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._began_s = progress, time.monotonic()
        self.records = 0

    def __call__(self, step: "Step") -> None:
        self.records += step.records
        rate = self.records / max(time.monotonic() - self._began_s, 0.001)
        task = self._progress.task_ids[0]
        self._progress.update(task, description=f"{self.records:,} records put into trees, {rate:,.0f}/s")


async def _sequence(folder: Path, settings: Settings, told: _Told, once: bool) -> "Ended":
    from gateway.store.faults import StoreError
    from gateway.store.opening import open_store
    from gateway.tlog.cosigning import Cosigning
    from gateway.tlog.keys import OriginError, load_log_keys
    from gateway.tlog.open_target import TargetError, open_target
    from gateway.tlog.sequencing import sequencing
    from gateway.witness.policies import load_policies

    policies = load_policies(folder, settings)
    if isinstance(policies, list):
        fail("; ".join(policies))
    cosigning = Cosigning(policies)
    try:
        target = open_target(settings.published_at(folder))
        store = await open_store(settings, folder)
        try:
            keys = await load_log_keys(store, settings, int(time.time()))
            service = sequencing(
                settings,
                folder,
                store=store,
                target=target,
                keys=keys,
                cosigner=cosigning,
                stands_by=False,
                report=told,
            )
            return await (_once(service) if once else _until_interrupted(service))
        finally:
            await cosigning.close()
            await store.close()
    except (StoreError, TargetError, OriginError) as error:
        fail(str(error))


async def _once(service: "SequencerService") -> "Ended":
    from gateway.tlog.service import ending

    return ending(await service.run_once())


async def _until_interrupted(service: "SequencerService") -> "Ended":
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, service.stop)
    return await service.run()
