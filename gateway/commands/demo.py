"""clausegate demo: a company, four partners, a gateway and a tour, in one command."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import fail

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
    from gateway.commands.operator_log import configure_logging
    from gateway.demo.show import show
    from gateway.demo.stage import DemoError
    from gateway.server import listen

    configure_logging()
    try:
        listening = listen(_HOST, port)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        fail(f'cannot listen on {_HOST}:{port}: {why}; choose another with --port (make demo ARGS="--port 8090")')
    with listening:
        try:
            show(folder, listening, once=once, fresh=fresh)
        except DemoError as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename or folder}: {error.strerror or error}")
