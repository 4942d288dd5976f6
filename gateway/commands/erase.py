"""clausegate erase: destroys the keys that open what the audit log commits to about one person."""

import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands.terminal import (
    EXIT_FOUND,
    Folder,
    FormatOption,
    counted,
    err,
    existing,
    fail,
    out,
    print_json,
    show_findings,
)
from gateway.settings import Settings, read_settings

if TYPE_CHECKING:
    from gateway.audit.erasing import Concerned
    from gateway.store.store import Store

NAME = "erase"
_SUBJECT_BYTES_MAX = 1 << 16


def run(
    folder: Folder,
    *,
    subject: Annotated[
        str, typer.Option("--subject", metavar="S", help="The person, by the subject field's value; - reads it.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what is destroyed cannot be brought back.")] = False,
    output: FormatOption = "text",
) -> None:
    """Erase a person from what the audit log can prove: destroy their keys, record and certify that it was done.

    S is the value of the field that the product marks as `subject`; where it marks several, a JSON array of their
    values. `--subject -` reads it from standard input, so that neither the shell's history nor the list of processes
    has it. Afterwards nobody can show what any record said about this person, the log verifies as before, and a signed
    certificate lies in state/erasures. May run beside a serving gateway, which forgets the keys within a minute; run
    it on every node. Exit status 1 when there is nothing of this person. What it does not reach: docs/privacy.md.
    """
    name = _read() if subject == "-" else subject
    settings = _settings(folder)
    try:
        erased = asyncio.run(_erase(settings, folder, name, yes, asked_by_stdin=subject == "-"))
    except OSError as error:
        fail(f"not finished: {type(error).__name__}: {error.strerror or 'the disk failed'}; run the command again")
    if output == "json":
        print_json(erased or {"erased": False})
    elif erased is None:
        out().print("there is nothing of this person in the sidecar: nothing was changed, nothing recorded")
    else:
        _show(erased)
    if erased is None:
        raise typer.Exit(EXIT_FOUND)


def _settings(folder: Path) -> Settings:
    settings = read_settings(existing(folder))
    if isinstance(settings, list):
        show_findings(settings)
        fail(f"{folder}: the settings have mistakes: see above")
    if not settings.log_path(folder).is_dir():
        fail(f"there is no log at {settings.log_path(folder)}: nothing was ever served from here")
    return settings


def _read() -> str:
    """The subject on standard input, one line end after it left out. It is shown in no message."""
    if sys.stdin.isatty():
        err().print("the subject, then Enter and Ctrl-D:")
    given = sys.stdin.buffer.read(_SUBJECT_BYTES_MAX + 1)
    try:
        name = given.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        fail("the subject on standard input is not UTF-8")
    if not name or len(given) > _SUBJECT_BYTES_MAX:
        fail(f"the subject on standard input must have 1 to {_SUBJECT_BYTES_MAX} bytes")
    return name


async def _erase(
    settings: Settings, folder: Path, name: str, yes: bool, *, asked_by_stdin: bool
) -> dict[str, Any] | None:
    """What was done, for machines; None when there is nothing of this person. Raises OSError."""
    from gateway.store.faults import StoreError
    from gateway.store.opening import open_store

    try:
        store = await open_store(settings, folder)
        try:
            concerned = await _find(settings, folder, name, store)
            if concerned is None:
                return None
            if not yes:
                _confirm(concerned, asked_by_stdin)
            return await _carry_out(settings, folder, store, concerned)
        finally:
            await store.close()
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")


async def _find(settings: Settings, folder: Path, name: str, store: "Store") -> "Concerned | None":
    from gateway.audit.erasing import find, names_of
    from gateway.audit.sidecar import HANDLE_SECRET
    from gateway.store.server_secrets import ServerSecrets

    secret = await ServerSecrets(store).find(HANDLE_SECRET)
    if secret is None:
        return None
    console = err()
    if console.is_terminal:
        with console.status("looking for keys"):
            concerned = find(settings.sidecar_path(folder), names_of(name), secret)
    else:
        concerned = find(settings.sidecar_path(folder), names_of(name), secret)
    return concerned if concerned.places else None


def _confirm(concerned: "Concerned", asked_by_stdin: bool) -> None:
    if asked_by_stdin or not sys.stdin.isatty():
        fail("nobody can be asked here: say --yes to destroy the keys")
    question = f"destroy {counted(len(concerned.places), 'key')}, for good"
    if not typer.confirm(question, err=True):
        fail("nothing was changed")


async def _carry_out(settings: Settings, folder: Path, store: "Store", concerned: "Concerned") -> dict[str, Any]:
    from gateway.audit.administration import open_admin
    from gateway.audit.erasing import Certificate, disclosed_to, erase, erasure_signer
    from gateway.audit.faults import CorruptLogError, LogFault
    from gateway.tlog.keys import OriginError, load_log_keys

    try:
        keys = await load_log_keys(store, settings, int(time.time()))
        partners = disclosed_to(settings.log_path(folder), concerned.commitments)
    except OriginError as error:
        fail(str(error))
    except CorruptLogError as error:
        fail(f"the audit log cannot be read: {error}; nothing was changed; `clausegate verify` says more")
    certificate = Certificate(
        keys.origin, secrets.token_hex(8), int(time.time()), len(concerned.places), len(concerned.commitments)
    )
    signer = erasure_signer(keys)
    writer = open_admin(settings, folder)
    if isinstance(writer, LogFault):
        fail(f"the audit log cannot be opened: {writer.kind}: {writer.detail}; nothing was changed")
    try:
        done = await erase(concerned, certificate, signer, folder / "state" / "erasures", writer)
    finally:
        writer.close()
    if isinstance(done, LogFault):
        fail(f"not finished: the audit log cannot be written: {done.kind}: {done.detail}; run the command again")
    return {
        "erased": True,
        "id": certificate.id,
        "time_s": certificate.time_s,
        "keys": certificate.keys,
        "records": certificate.records,
        "partners": partners,
        "certificate": str(done),
        "vkey": signer.verifier.text(),
    }


def _show(erased: dict[str, Any]) -> None:
    console = out()
    keys, records = counted(erased["keys"], "key"), counted(erased["records"], "record")
    console.print(f"erased: {keys} destroyed; {records} can be opened no more", soft_wrap=True)
    for partner, number in erased["partners"].items():
        console.print(f"  disclosed to {partner} before: {counted(number, 'record')}", markup=False, soft_wrap=True)
    console.print(f"certificate {erased['certificate']}", markup=False, soft_wrap=True)
    console.print(f"signed by {erased['vkey']}", markup=False, soft_wrap=True)
