"""clausegate demo: a company, four partners, a gateway and a tour, in one command."""

import asyncio
import os
import signal
import socket
from http.client import HTTPException
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.app import Running, StartError
from gateway.commands.serve import configure_logging, serve
from gateway.commands.terminal import err, fail, out
from gateway.demo.cast import console_login
from gateway.demo.stage import DemoError, backend_process, clear, prepare, set_up
from gateway.demo.tour import Tour
from gateway.provision import ProvisionError
from gateway.server import listen
from gateway.store.faults import StoreError

NAME = "demo"
_HOST = "127.0.0.1"


def run(
    folder: Annotated[Path, typer.Option("--dir", help="Where data, workspace, state and log are kept.")] = Path(
        "demo-data"
    ),
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    once: Annotated[bool, typer.Option("--once", help="Show the tour and end, instead of staying up.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again: throw away what an earlier demo left.")] = False,
) -> None:
    """Run Hengtai Heavy Machinery: generated data, four partners with agreements, a gateway, and a tour of it.

    Prints `ready URL` once it listens. DIR/credentials.json has every partner's OAuth credentials. Needs no root, no
    network and no other server.
    """
    configure_logging()
    try:
        listening = listen(_HOST, port)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        fail(f'cannot listen on {_HOST}:{port}: {why}; choose another with --port (make demo ARGS="--port 8090")')
    with listening:
        try:
            if fresh:
                clear(folder)
            data = prepare(folder, _say)
            with backend_process(data) as backend_port:
                uvloop.run(_serve(folder, listening, backend_port, once))
        except (DemoError, ProvisionError, StoreError, StartError) as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename or folder}: {error.strerror or error}")


async def _serve(folder: Path, listening: socket.socket, backend_port: int, once: bool) -> None:
    stage = await set_up(folder, backend_port, _say)
    failures: list[DemoError] = []
    touring: list[asyncio.Task[None]] = []

    async def tour(url: str) -> None:
        try:
            backend = f"http://{_HOST}:{backend_port}"
            await asyncio.to_thread(lambda: Tour(out(), url, backend, stage).run())
        except (DemoError, OSError, HTTPException) as error:
            failures.append(DemoError(f"the tour cannot go on: {error}"))
        if listening.fileno() < 0:  # somebody ended the demo meanwhile: what the tour says of that is no failure
            failures.clear()
        elif once or failures:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            _invite(folder, url)

    def ready(_: Running, url: str) -> None:
        out().print(f"ready {url}", soft_wrap=True)
        touring.append(asyncio.get_running_loop().create_task(tour(url)))

    await serve(stage.workspace, listening, ready)
    if failures:
        raise failures[0]


def _say(text: str) -> None:
    err().print(f"[dim]demo:[/] {text}")


def _invite(folder: Path, url: str) -> None:
    username, password = console_login(folder)
    console = out()
    console.print()
    console.print(f"console      {url}/console/   user {username}, password {password}", soft_wrap=True)
    console.print(f"credentials  {folder / 'credentials.json'}", soft_wrap=True)
    console.print(
        f"documents    {folder / 'workspace'}   edit one, then: clausegate check {folder / 'workspace'}", soft_wrap=True
    )
    console.print("README.md has five minutes with curl. Ctrl-C ends the demo.")
