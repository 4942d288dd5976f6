"""How the trees of a workspace's audit log stand, read from its state store and its segments, with nothing running."""

import asyncio
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.health.log_report import LogStatus, log_status
from gateway.settings import Settings
from gateway.store.faults import StoreError
from gateway.store.log_state import LogState, LogStates
from gateway.store.opening import open_store
from gateway.tlog.lag import Lag, measure_lag, read_lag


def read_log_status(settings: Settings, folder: Path, now_us: int) -> LogStatus:
    """What the trees are `now_us` (Unix microseconds). Creates nothing: no log and no state are states as well."""
    log = settings.log_path(folder)
    if not log.is_dir():
        return LogStatus("no-log")
    url = settings.database_url(folder)
    try:
        lag = asyncio.run(_measured(settings, folder, log)) if _is_there(url) else read_lag(LogState(), log)
    except (StoreError, OSError) as error:
        return LogStatus("unknown", fault=str(error))
    return log_status(lag, settings.receipt_due_s, now_us)


def _is_there(url: str) -> bool:
    """Whether there can be something in the store: SQLite makes its file when it is opened, and status must not."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return True  # what is wrong with it is the store's to say
    return parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists()


async def _measured(settings: Settings, folder: Path, log: Path) -> Lag:
    store = await open_store(settings, folder)
    try:
        return await measure_lag(LogStates(store), log)
    finally:
        await store.close()
