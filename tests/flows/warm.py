"""Starts of `clausegate` without its imports: one process has imported everything, and forks another for each command.

Imports are most of what a start costs, and a run of the tests starts hundreds of commands. Such a command is a process
of its own with its own arguments, environment and descriptors; it enters where a cold one enters, takes signals and
ends with a status. One whose environment is read before any of our code runs starts cold.
"""

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).resolve().parents[2]
MESSAGE_BYTES_MAX = 1 << 18
READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_")
"""How the variables begin that the interpreter or the linker reads before it runs a line of ours."""
LAZY = (
    *("gateway.commands.serving", "gateway.commands.limits_report", "gateway.provision"),
    *("alembic.command", "aiosqlite", "pydantic.type_adapter", "httpcore", "uvloop", "anyio._backends._asyncio"),
)
"""What commands import when they run, with all that these import."""


def may_be_warm(environment: Mapping[str, str]) -> bool:
    """Whether a command that is given this beside the environment of the tests may be forked."""
    return sys.platform == "linux" and not any(name.startswith(READ_AT_START) for name in environment)


class Started:
    """A command that runs, with what the tests use of subprocess.Popen."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid, self._ended = pid, ended
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("clausegate", timeout or 0)
        return status

    def _status(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout_s)[0]:
            self.returncode = int(os.read(self._ended, 16) or b"-9")
            os.close(self._ended)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.wait()


class Nursery:
    """The process that forks, as the tests see it: begun with the first command, ended with the tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: socket.socket | None = None

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], files: tuple[IO[bytes] | int, ...]
    ) -> Started:
        """A command with these arguments; `files` are its standard input, output and error."""
        ended, ending = os.pipe()
        wanted = json.dumps([list(arguments), dict(environment)]).encode()
        descriptors = [file if isinstance(file, int) else file.fileno() for file in files]
        try:
            with self._lock:
                asking = self._asking = self._asking or self._begin()
                socket.send_fds(asking, [wanted], [*descriptors, ending])
                answer = asking.recv(16)
        finally:
            os.close(ending)
        assert answer, "no command can be started any more: its parent ended"
        return Started(int(answer), ended)

    def _begin(self) -> socket.socket:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            subprocess.Popen(
                [sys.executable, "-m", "tests.flows.warm", str(its.fileno())],
                cwd=ROOT,
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        return mine


def serve(asked: socket.socket) -> None:
    """Fork a command for every message, and tell each one's status when it ended, until nobody can ask any more."""
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the children take it
    signal.set_wakeup_fd(waking)
    endings: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asked.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_who_ended(endings)
        if asked.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(asked, MESSAGE_BYTES_MAX, 4)
            if not message:
                return
            *standard, ending = descriptors
            assert len(os.listdir("/proc/self/task")) == 1, "a process with threads must not be forked"
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for descriptor in (asked.fileno(), woken, waking, ending, *endings.values()):
                    os.close(descriptor)
                arguments, environment = json.loads(message)
                _become(arguments, environment, standard)
            for descriptor in standard:
                os.close(descriptor)
            endings[pid] = ending
            asked.send(str(pid).encode())


def _tell_who_ended(endings: dict[int, int]) -> None:
    for pid in list(endings):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ending = endings.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody waits for it
                os.write(ending, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(ending)


def _become(arguments: list[str], environment: dict[str, str], standard: list[int]) -> None:
    """Be the command, in the child; never returns."""
    import gateway.cli

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [gateway.cli.__file__, *arguments]
    sys.modules["__main__"] = gateway.cli
    random.seed()
    os._exit(_end(_status_of(gateway.cli.main)))


def _status_of(main: Any) -> int:
    """What the interpreter would exit with."""
    try:
        main()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(status: int) -> int:
    """What the interpreter does when it ends: threads, then what was registered, then what is still to be written."""
    import atexit

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = 120
    return status


if __name__ == "__main__":
    import gc
    import importlib

    for name in ("gateway.cli", *LAZY):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)
