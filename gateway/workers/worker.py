"""One worker: a process that serves a workspace on a socket it was handed, under a writer's name of its own."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import uvloop
from msgspec.structs import replace

from gateway.app import Running
from gateway.commands.operator_log import configure_logging
from gateway.commands.serving import serve
from gateway.starting import StartError
from gateway.workers.messages import Failed, Message, Place, Ready, Reloaded, documents_of, line_of
from gateway.workers.own import settings_of
from gateway.workspace import Workspace, load_workspace


class _Starter:
    """The process that started this one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def tell(self, message: Message) -> None:
        """Say it; to nobody, if nobody is there any more."""
        try:
            self._connection.sendall(line_of(message))
        except OSError:
            return

    def follow(self) -> None:
        """From now on, end in good order when the starter has ended."""
        asyncio.get_running_loop().add_reader(self._connection.fileno(), self._ended)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._connection.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


async def _serve(workspace: Workspace, listening: socket.socket, starter: _Starter) -> None:
    def ready(running: Running, url: str) -> None:
        starter.follow()
        starter.tell(Ready(url, documents_of(running.reloader.plans().contracts)))

    def reloaded(running: Running, done: bool) -> None:
        starter.tell(Reloaded(done, documents_of(running.reloader.plans().contracts)))

    await serve(workspace, listening, ready, reloaded)


def main(argument: str) -> int:
    """Serve until told to end. `argument` is a Place as JSON. The exit status is 0, or 1 after a Failed."""
    place = msgspec.json.decode(argument, type=Place)
    configure_logging()
    with socket.socket(fileno=place.starter) as connection, socket.socket(fileno=place.listening) as listening:
        starter = _Starter(connection)
        loaded = load_workspace(Path(place.folder))
        if not isinstance(loaded, Workspace):
            starter.tell(Failed("; ".join(finding.to_text() for finding in loaded if finding.severity == "error")))
            return 1
        try:
            uvloop.run(_serve(replace(loaded, settings=settings_of(loaded.settings, place)), listening, starter))
        except StartError as error:
            starter.tell(Failed(str(error)))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
