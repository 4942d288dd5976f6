"""clausegate serve: run the gateway for a workspace."""

import os
from typing import Annotated

import typer

from gateway.commands.terminal import Folder, fail, open_workspace, show_findings

NAME = "serve"


def run(
    folder: Folder,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Listen here, whatever clausegate.toml says.")
    ] = None,
) -> None:
    """Serve a workspace until interrupted. Prints `ready URL` once it listens.

    SIGHUP reads the documents again: an edit with a mistake leaves the old ones serving and says so; a valid one drops
    no request.
    """
    import uvloop

    from gateway.app import StartError
    from gateway.commands.operator_log import configure_logging
    from gateway.commands.serving import say_ready, serve
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
        try:
            uvloop.run(serve(workspace, listening, say_ready))
        except StartError as error:
            fail(str(error))
