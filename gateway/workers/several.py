"""Serves a workspace with several workers: one socket, one set of counters, one `ready`, one end."""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack

from gateway.audit.layout import WRITER_NAME_RULE, is_writer_name
from gateway.workers.bundled_valkey import BundledValkey, NoValkeyError, clear_up, remember_url
from gateway.workers.own import writer_of
from gateway.workers.process import Worker, WorkerProcess
from gateway.workers.supervisor import Supervisor, WorkerError
from gateway.workspace import Workspace


async def serve_with(
    workspace: Workspace, listening: socket.socket, workers: int, ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reloads. `ready` is called once, with the URL. Raises WorkerError.

    Without a redis_url the workers share a Valkey that is started here and ends after them.
    """
    settings = workspace.settings
    if not is_writer_name(writer_of(settings, workers)):
        raise WorkerError(f"clausegate.toml: {writer_of(settings, workers)} is no writer's name: {WRITER_NAME_RULE}")
    async with AsyncExitStack() as stack:
        redis_url = "" if settings.redis_url else await _bundled(workspace, stack)

        async def start(number: int) -> Worker:
            return await WorkerProcess.start(workspace.folder, listening, number, workers, redis_url)

        supervisor = Supervisor(start, workers)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
        await supervisor.run(ready)


async def _bundled(workspace: Workspace, stack: AsyncExitStack) -> str:
    """The URL of a Valkey of our own, which commands beside the gateway find as well."""
    clear_up(workspace.folder)
    try:
        valkey = await BundledValkey.open()
    except NoValkeyError as error:
        raise WorkerError(str(error)) from None
    stack.push_async_callback(valkey.close)
    remember_url(workspace.folder, valkey.url)
    stack.callback(remember_url, workspace.folder, "")
    return valkey.url
