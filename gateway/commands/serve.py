"""clausegate serve: run the gateway for a workspace."""

import os
import socket
import sys
from typing import Annotated

import typer

from gateway.commands.terminal import Folder, fail, open_workspace, out, show_findings
from gateway.workspace import Workspace

NAME = "serve"


def run(
    folder: Folder,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Listen here, whatever clausegate.toml says.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Serve with so many processes, whatever it says.")
    ] = None,
) -> None:
    """Serve a workspace until interrupted. Prints `ready URL` once it listens.

    SIGHUP reads the documents again: an edit with a mistake leaves the old ones serving and says so; a valid one drops
    no request. With several workers each is a process with a writer of its own; they share counters in `redis_url`, or
    in a Valkey server that is started with them; one that dies is started again.
    """
    from gateway.commands.operator_log import configure_logging
    from gateway.server import listen

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
        several = workers or workspace.settings.workers
        if several > 1:
            _serve_with(workspace, listening, several)
        else:
            _serve(workspace, listening)


def _serve(workspace: Workspace, listening: socket.socket) -> None:
    import uvloop

    from gateway.commands.serving import say_ready, serve
    from gateway.starting import StartError

    try:
        uvloop.run(serve(workspace, listening, say_ready))
    except StartError as error:
        fail(str(error))


def _serve_with(workspace: Workspace, listening: socket.socket, workers: int) -> None:
    import asyncio

    from gateway.workers.several import serve_with
    from gateway.workers.supervisor import WorkerError

    try:
        asyncio.run(serve_with(workspace, listening, workers, _say_ready))
    except WorkerError as error:
        fail(str(error))


def _say_ready(url: str) -> None:
    out().print(f"ready {url}", soft_wrap=True)
    sys.stdout.flush()
