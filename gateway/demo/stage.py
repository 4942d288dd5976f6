"""Sets the demo up: data, backend process, workspace, clients; each step once, each repeatable."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from contracts.finding import Finding
from gateway.demo.cast import is_provisioned, provision_cast
from gateway.demo.data import generate
from gateway.demo.workspace import assemble
from gateway.workspace import Workspace, load_workspace

_MARK = "clausegate-demo"
"""Lies in every folder that a demo made: nothing else is ever emptied by --fresh."""


class DemoError(Exception):
    """The demo cannot go on; the text is for the person at the terminal."""


class Stage(Struct, frozen=True):
    """Everything is in place: the folder, and the compiled workspace in it."""

    folder: Path
    workspace: Workspace


def clear(folder: Path) -> None:
    """Empty a folder that an earlier demo made. Raises DemoError for one that no demo made."""
    if not folder.exists():
        return
    if not (folder / _MARK).is_file():
        raise DemoError(f"{folder} was not made by a demo: it is left as it is")
    shutil.rmtree(folder)


@contextmanager
def backend_process(data: Path) -> Iterator[int]:
    """The hub's HTTP service as a process of its own; gives its port, and ends it afterwards. Raises DemoError."""
    command = [sys.executable, "-m", "gateway.demo.backend", "--port", "0", "--until-eof", "--data", str(data)]
    # It ends when its standard input does: also when this process is killed and can no longer end it.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("backend http://"):
            raise DemoError("the demo's backend process did not start: see its message above")
        yield int(line.rsplit(":", 1)[1])
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prepare(folder: Path, say: Callable[[str], None]) -> Path:
    """Make the folder and its data; returns the data's folder. Raises DemoError, OSError."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise DemoError(f"{folder} holds something else: name another folder with --dir")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _MARK).touch()
    say("data of Hengtai Heavy Machinery: 20,000 shipments, 5,000 orders, 3,000 parts, 500 leads")
    generate(folder / "data")
    return folder / "data"


async def set_up(folder: Path, backend_port: int, say: Callable[[str], None]) -> Stage:
    """Assemble and compile the workspace, and add the cast on the first run.

    Raises DemoError, AuthorityError, StoreError, OSError.
    """
    say("workspace: four agreements, compiled")
    loaded = load_workspace(assemble(folder, backend_port))
    if not isinstance(loaded, Workspace):
        raise DemoError(_report(loaded))
    if not is_provisioned(folder):
        say("clients, keys and a console account")
        await provision_cast(loaded, folder)
    return Stage(folder, loaded)


def _report(findings: list[Finding]) -> str:
    return "the demo's documents have mistakes:\n" + "\n".join(finding.to_text() for finding in findings)
