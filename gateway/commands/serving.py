"""Serving a workspace on a socket: what `serve` and `demo` have in common. Imported when one of them runs."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable

from gateway.app import Running, open_gateway
from gateway.commands.terminal import err, out
from gateway.server import run as run_server
from gateway.workspace import Workspace, remember_issuer


async def serve(
    workspace: Workspace,
    listening: socket.socket,
    ready: Callable[[Running, str], None],
    reloaded: Callable[[Running, bool], None] = lambda _running, _done: None,
) -> None:
    """Open the gateway, serve it on a socket, close it. Raises StartError.

    `ready` is called once, with the URL; `reloaded` after every SIGHUP, with whether the documents are in force now.
    """
    port = int(listening.getsockname()[1])
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # what is being opened is read from the documents anyway
    async with open_gateway(workspace, port) as running:
        _spare_the_collector()
        remember_issuer(workspace, workspace.settings.issuer(port))
        loop.add_signal_handler(signal.SIGHUP, _reload, running, reloaded)
        await run_server(
            running.app,
            listening,
            lambda: ready(running, workspace.settings.issuer(port)),
            shared=workspace.settings.workers > 1,
            tls=None if running.tls is None else running.tls.context,
        )


def _spare_the_collector() -> None:
    """Plans and types live as long as the process: the garbage collector need not look at them again and again.

    What a request makes is freed by reference counting; the collector only has to find the rare cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def say_ready(running: Running, url: str) -> None:
    state = running.writer.state
    if state.truncated_bytes:
        err().print(f"log: a torn tail of {state.truncated_bytes} bytes was cut off: a record that nobody was told of")
    out().print(f"ready {url}", soft_wrap=True)
    sys.stdout.flush()


_reloading: set[asyncio.Task[object]] = set()


def _reload(running: Running, reloaded: Callable[[Running, bool], None]) -> None:
    async def reload() -> None:
        reloaded(running, await running.reloader.reload())

    task: asyncio.Task[object] = asyncio.create_task(reload())
    _reloading.add(task)  # the loop itself keeps no strong reference
    task.add_done_callback(_reloading.discard)
