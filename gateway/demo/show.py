"""The demo from an open socket to its end: data, backend process, workspace, gateway, tour."""

import asyncio
import os
import signal
import socket
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

import uvloop

from gateway.app import Running
from gateway.authority import AuthorityError
from gateway.commands.serving import serve
from gateway.commands.terminal import err, out
from gateway.demo.cast import HUB_CREDENTIALS, console_login
from gateway.demo.stage import BANK_SLOW_DAY, Around, DemoError, around, clear, prepare, set_up
from gateway.demo.tour import Tour
from gateway.starting import StartError
from gateway.store.faults import StoreError


def show(folder: Path, listening: socket.socket, *, once: bool, fresh: bool) -> None:
    """Set everything up in `folder` and serve it until interrupted, or with `once` until the tour is over.

    Raises DemoError, OSError.
    """
    try:
        if fresh:
            clear(folder)
        data = prepare(folder, _say)
        with around(data, folder) as others:
            uvloop.run(_serve(folder, listening, others, once))
    except (AuthorityError, StoreError, StartError) as error:
        raise DemoError(str(error)) from None


async def _serve(folder: Path, listening: socket.socket, others: Around, once: bool) -> None:
    stage = await set_up(folder, others, _say)
    failures: list[DemoError] = []
    touring: list[asyncio.Task[None]] = []

    async def tour(url: str) -> None:
        try:
            backend = f"http://127.0.0.1:{others.backend_port}"
            await asyncio.to_thread(lambda: Tour(out(), url, backend, stage).run())
        except (DemoError, OSError, HTTPException) as error:
            failures.append(DemoError(f"the tour cannot go on: {error}"))
        if listening.fileno() < 0:  # somebody ended the demo meanwhile: what the tour says of that is no failure
            failures.clear()
        elif once:
            os.kill(os.getpid(), signal.SIGTERM)
        else:  # somebody may have edited what the tour shows: that is what the demo is for
            for failure in failures:
                err().print(str(failure), style="yellow", markup=False)
            failures.clear()
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
    console.print(f"             {folder / HUB_CREDENTIALS}, for the hub's own program", soft_wrap=True)
    console.print(
        f"documents    {folder / 'workspace'}   edit one, then: clausegate check {folder / 'workspace'}", soft_wrap=True
    )
    slow = f"touch {folder / BANK_SLOW_DAY}   and call the bank again; then what it owes:"
    console.print(f"a slow day   {slow}", soft_wrap=True)
    console.print(
        f"             clausegate statement {folder} --agreement harbor-bank-2026 --period {datetime.now(UTC):%Y-%m}",
        soft_wrap=True,
    )
    console.print("README.md has five minutes with curl. Ctrl-C ends the demo.")
