"""Sets the demo up: data, backend process, workspace, clients; each step once, each repeatable."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from contracts.finding import Finding
from gateway.demo.bank import SECRET_VARIABLE
from gateway.demo.cast import is_provisioned, provision_cast
from gateway.demo.data import generate
from gateway.demo.workspace import BankAccess, assemble
from gateway.workspace import Workspace, load_workspace

_MARK = "clausegate-demo"
"""Lies in every folder that a demo made: nothing else is ever emptied by --fresh."""
BANK_SLOW_DAY = "bank-slow-day"
"""A file in the demo's folder: while it is there, the bank's interface is late."""


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


class Around(Struct, frozen=True):
    """What is around the gateway: the hub's HTTP service by its port, and the bank's interface."""

    backend_port: int
    bank: BankAccess


@contextmanager
def backend_process(data: Path) -> Iterator[int]:
    """The hub's HTTP service as a process of its own; gives its port, and ends it afterwards. Raises DemoError."""
    with _process("gateway.demo.backend", ["--data", str(data)], {}) as port:
        yield port()


@contextmanager
def around(data: Path, folder: Path) -> Iterator[Around]:
    """The hub's HTTP service and the bank's interface, each a process of its own. Raises DemoError.

    While there is a file `bank-slow-day` in `folder`, the bank is late.
    """
    secret = secrets.token_urlsafe(24)
    bank_arguments = ["--slow-while", str(folder / BANK_SLOW_DAY)]
    with (
        _process("gateway.demo.backend", ["--data", str(data)], {}) as backend,
        _process("gateway.demo.bank", bank_arguments, {SECRET_VARIABLE: secret}) as bank,
    ):
        yield Around(backend(), BankAccess(bank(), secret))


@contextmanager
def _process(module: str, arguments: list[str], environment: Mapping[str, str]) -> Iterator[Callable[[], int]]:
    """A module run by itself while the block lasts; what it gives waits for the port. Raises DemoError."""
    name = module.rpartition(".")[2]
    command = [sys.executable, "-m", module, "--port", "0", "--until-eof", *arguments]
    # It ends when its standard input does: also when this process is killed and can no longer end it.
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )

    def port() -> int:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith(f"{name} http://"):
            raise DemoError(f"the demo's {name} process did not start: see its message above")
        return int(line.rsplit(":", 1)[1])

    try:
        yield port
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


async def set_up(folder: Path, around: Around, say: Callable[[str], None]) -> Stage:
    """Assemble and compile the workspace, and add the cast on the first run.

    Raises DemoError, AuthorityError, StoreError, OSError.
    """
    say("workspace: four agreements, compiled")
    loaded = load_workspace(assemble(folder, around.backend_port, around.bank))
    if not isinstance(loaded, Workspace):
        raise DemoError(_report(loaded))
    if not is_provisioned(folder):
        say("clients, keys and a console account")
        await provision_cast(loaded, folder)
    return Stage(folder, loaded)


def _report(findings: list[Finding]) -> str:
    return "the demo's documents have mistakes:\n" + "\n".join(finding.to_text() for finding in findings)
