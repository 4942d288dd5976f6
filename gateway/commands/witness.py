"""clausegate witness: cosign a hub's checkpoints, for a partner or an auditor who does not take its word."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import urlsplit

import typer

from gateway.commands.terminal import EXIT_FOUND, EXIT_USAGE, FormatOption, fail, out, print_json

if TYPE_CHECKING:
    from gateway.tlog.note import VerifierKey
    from gateway.witness.folder import WitnessFolder
    from gateway.witness.watch import Look, Watch
    from gateway.witness.witness import Witness

NAME = "witness"
_PORT = 8090


def run(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The witness's own folder; made if there is none.")],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Its name, such as witness.example/w1; needed once, for a new folder.")
    ] = None,
    log: Annotated[
        list[str] | None, typer.Option("--log", metavar="VKEY", help="The verifier key of a log; may be repeated.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A tlog-policy file: its log lines are meant as well.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help=f"Listen on this port: {_PORT}, or with --watch not at all."),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option("--watch", metavar="URL", help="Fetch from here instead of being asked; may be repeated."),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option("--token-env", metavar="NAME", help="With --watch: the variable with the token to send."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="With --watch: a file with the token, read anew each time.")
    ] = None,
    interval_s: Annotated[float, typer.Option("--interval", min=0.1, help="With --watch: seconds between looks.")] = 10,
    once: Annotated[bool, typer.Option("--once", help="With --watch: look once, and end.")] = False,
    print_key: Annotated[bool, typer.Option("--print-key", help="Print the witness's verifier key, and end.")] = False,
    output: FormatOption = "text",
) -> None:
    """Cosign the checkpoints of a hub's log as long as each continues the one before; refuse forks and rollbacks.

    Needs nothing of the hub but the verifier keys of its logs. Prints `ready URL` once it listens (C2SP tlog-witness).
    With --watch it fetches a published log and verifies its tiles itself. With --once exit status 1 when a log was not
    as it should be, 2 when it could not be looked at. See docs/witness.md.
    """
    if print_key:
        _show_key(folder, name, output)
        return
    from gateway.commands.operator_log import configure_logging

    if once and not watch:
        fail("--once needs --watch")
    keys, token = _log_keys(log or [], policy), _token(token_env, token_file)
    opened = _opened(folder, name)
    try:
        witness = _witness_in(opened, keys)
        watches = _watches(witness, watch or [], token)
        configure_logging()
        if once:
            _look_once(watches, output)
        _work(witness, watches, interval_s, host, port)
    finally:
        opened.close()


def _opened(folder: Path, name: str | None) -> "WitnessFolder":
    from gateway.witness.folder import FolderError, open_folder

    try:
        return open_folder(folder, name)
    except (FolderError, OSError) as error:
        fail(f"{folder}: {_words(error)}")


def _witness_in(opened: "WitnessFolder", keys: "list[VerifierKey]") -> "Witness":
    from gateway.witness.folder import FolderError
    from gateway.witness.witness import Witness, keys_by_origin

    try:
        return Witness(opened, opened.signer, keys_by_origin(keys), lambda: int(time.time()))
    except (FolderError, OSError) as error:
        fail(f"{opened.path}: {_words(error)}")


def _show_key(folder: Path, name: str | None, output: str) -> None:
    """Of a folder in which a witness works, too: that is not disturbed."""
    from gateway.witness.folder import FolderError, read_key

    try:
        signer = read_key(folder)
    except (FolderError, OSError) as error:
        fail(f"{folder}: {_words(error)}")
    if signer is None:
        made = _opened(folder, name)
        made.close()
        signer = made.signer
    vkey = signer.verifier.text()
    if output == "json":
        print_json({"vkey": vkey})
    else:
        sys.stdout.write(vkey + "\n")


def _log_keys(vkeys: list[str], policy: Path | None) -> "list[VerifierKey]":
    from gateway.tlog.note import ED25519, parse_vkey
    from gateway.witness.policies import read_policy

    keys = []
    for vkey in vkeys:
        key = parse_vkey(vkey)
        if key is None or key.kind != ED25519:
            fail(f"--log {vkey!r} is no verifier key of a log: they look like name+1a2b3c4d+base64")
        keys.append(key)
    if policy is not None:
        read = read_policy(policy)
        if isinstance(read, str):
            fail(read)
        keys += [line.key for line in read.logs]
    if not keys:
        fail("no log to witness: --log VKEY, or --policy FILE with log lines; the hub's is at its /log/vkey")
    return list(dict.fromkeys(keys))


def _token(variable: str | None, file: Path | None) -> Callable[[], str] | None:
    from adapters.http_client import bad_header
    from gateway.witness.watch import token_from_file

    if variable is not None and file is not None:
        fail("--token-env or --token-file, not both")
    if file is not None:
        return token_from_file(file)
    if variable is None:
        return None
    token = os.environ.get(variable, "")
    if bad_header("Authorization", f"Bearer {token}") or not token:
        fail(f"the environment variable {variable} holds no token")
    return lambda: token


def _watches(witness: "Witness", urls: list[str], token: Callable[[], str] | None) -> "list[Watch]":
    from gateway.witness.address import parse_address
    from gateway.witness.watch import Watch

    watches, origins = [], set()
    for url in urls:
        address = parse_address(url)
        if address is None:
            fail(f"--watch {_without_secrets(url)}: a log's URL is http:// or https://, a host, and a path")
        if token is not None and not address.is_private():
            fail("a token is sent over https:// only, or to this machine itself")
        origins.add(address.origin)
        watches.append(Watch(witness, url, address, token))
    if token is not None and len(origins) > 1:
        fail("the token would be sent to more than one server: run a witness for each")
    return watches


def _work(witness: "Witness", watches: "list[Watch]", interval_s: float, host: str, port: int | None) -> None:
    """Until SIGINT or SIGTERM."""
    import uvloop

    from gateway.server import listen
    from gateway.server import run as run_server
    from gateway.witness.app import witness_app
    from gateway.witness.watch import watch_until_interrupted

    out().print(f"vkey {witness.key.text()}", markup=False, soft_wrap=True)
    if watches and port is None:
        sys.stdout.flush()
        uvloop.run(watch_until_interrupted(watches, interval_s))
        return
    port = _PORT if port is None else port
    try:
        listening = listen(host, port)
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; `--port` takes another, 0 any free one")
    with listening:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listening.getsockname()[1]}"
        uvloop.run(run_server(witness_app(witness, watches, interval_s), listening, lambda: _say_ready(url)))


def _say_ready(url: str) -> None:
    out().print(f"ready {url}", markup=False, soft_wrap=True)
    sys.stdout.flush()


def _look_once(watches: "list[Watch]", output: str) -> NoReturn:
    import asyncio

    from gateway.witness.watch import PASSING

    looks = [asyncio.run(watch.look()) for watch in watches]
    if output == "json":
        print_json(looks)
    else:
        for look in looks:
            out().print(_sentence(look), markup=False, soft_wrap=True)
    wrong = [look.seen for look in looks if look.seen != "cosigned"]
    raise typer.Exit(EXIT_FOUND if any(seen not in PASSING for seen in wrong) else EXIT_USAGE if wrong else 0)


def _sentence(look: "Look") -> str:
    where = f"{look.origin} at {look.size:,}" if look.origin else look.url
    return f"{look.seen}  {where}" + (f"  ({look.detail})" if look.detail else "")


def _without_secrets(url: str) -> str:
    """A URL that is refused, without what may be a password or a token in it."""
    return urlsplit(url).hostname or "URL"


def _words(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
