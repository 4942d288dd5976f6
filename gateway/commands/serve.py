"""clausegate serve: run the gateway for a workspace."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Annotated

import structlog
import typer
import uvloop

from gateway.app import Running, StartError, open_gateway
from gateway.commands.terminal import Folder, err, fail, open_workspace, out, show_findings
from gateway.server import listen
from gateway.server import run as run_server
from gateway.workspace import Workspace

NAME = "serve"


def run(
    folder: Folder,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Listen here, whatever clausegate.toml says.")
    ] = None,
) -> None:
    """Serve a workspace until interrupted. Prints `ready URL` once it listens.

    SIGHUP reads the documents again: an edit with a mistake leaves the old ones serving and says so; a valid one drops
    no request.
    """
    workspace = open_workspace(folder)
    show_findings(workspace.warnings)
    configure_logging()
    host, wanted = workspace.settings.host, workspace.settings.port if port is None else port
    try:
        listening = listen(host, wanted)
    except OSError as error:
        fail(
            f"cannot listen on {host}:{wanted}: {os.strerror(error.errno or 0)}; `--port` takes another, 0 any free one"
        )
    with listening:
        try:
            uvloop.run(serve(workspace, listening, _ready))
        except StartError as error:
            fail(str(error))


async def serve(workspace: Workspace, listening: socket.socket, ready: Callable[[Running, str], None]) -> None:
    """Open the gateway, serve it on a socket, close it. `ready` is called once, with the URL. Raises StartError."""
    port = int(listening.getsockname()[1])
    async with open_gateway(workspace, port) as running:
        _spare_the_collector()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, running)
        await run_server(running.app, listening, lambda: ready(running, workspace.settings.issuer(port)))


def _spare_the_collector() -> None:
    """Plans and types live as long as the process: the garbage collector need not look at them again and again.

    What a request makes is freed by reference counting; the collector only has to find the rare cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def configure_logging() -> None:
    """Events as JSON lines on standard error; on a terminal, for people."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _ready(running: Running, url: str) -> None:
    state = running.writer.state
    if state.truncated_bytes:
        err().print(f"log: a torn tail of {state.truncated_bytes} bytes was cut off: a record that nobody was told of")
    out().print(f"ready {url}", soft_wrap=True)
    sys.stdout.flush()


_reloading: set[asyncio.Task[object]] = set()


def _reload(running: Running) -> None:
    task: asyncio.Task[object] = asyncio.create_task(running.reloader.reload())
    _reloading.add(task)  # the loop itself keeps no strong reference
    task.add_done_callback(_reloading.discard)
