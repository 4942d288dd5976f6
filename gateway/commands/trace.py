"""clausegate trace: which partner a leaked extract was made for, by the pseudonyms in it."""

import asyncio
import codecs
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from gateway.commands.terminal import EXIT_FOUND, Folder, FormatOption, counted, fail, open_workspace, out, print_json
from policies.keys import PartnerKeys
from policies.pseudonyms import TOKEN_LENGTH_MAX, Attribution, attribute, tokens_in

if TYPE_CHECKING:
    from gateway.store.hidden import Hidden

NAME = "trace"
_CHUNK = 1 << 20
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def run(
    folder: Folder,
    extract: Annotated[str, typer.Argument(metavar="FILE", help="The leaked text, - for standard input.")],
    former: Annotated[
        list[str] | None, typer.Option("--partner", help="A partner without an agreement today; may be repeated.")
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Find out which partner a leaked extract was made for, by the pseudonyms in it.

    Any text will do: CSV, JSON, a log, a paste. Counts, for each partner, the different pseudonyms that were made for
    it; neither they nor anything else of the extract is shown. Exit status 0 when a partner was found, 1 when none was.
    """
    workspace = open_workspace(folder)
    secret = _secret(workspace.settings.database_url(workspace.folder))
    partners = sorted({*workspace.plans.partners(), *(former or ())})
    try:
        with sys.stdin.buffer if extract == "-" else Path(extract).open("rb") as stream:
            found = attribute(_tokens(stream), [PartnerKeys(secret.reveal(), partner) for partner in partners])
    except OSError as error:
        fail(f"{extract}: {error.strerror or type(error).__name__}")
    _show(found, output)
    if not found.partners:
        raise typer.Exit(EXIT_FOUND)


def _show(found: Attribution, output: str) -> None:
    ranked = sorted(found.partners.items(), key=lambda item: (-item[1], item[0]))
    if output == "json":
        partners = [{"partner": partner, "pseudonyms": count} for partner, count in ranked]
        print_json({"partners": partners, "nobody": found.nobody})
        return
    console = out()
    for partner, count in ranked:
        console.print(f"{partner}: {counted(count, 'pseudonym')} made for it", markup=False)
    if found.nobody:
        console.print(f"none of the partners: {counted(found.nobody, 'token')} of the same form")
    if not ranked and not found.nobody:
        console.print("there is no pseudonym in it")


def _tokens(stream: BinaryIO) -> Iterator[str]:
    """What looks like a pseudonym in a text, read piece by piece. UTF-16, as spreadsheets write, has a mark."""
    start = stream.read(_CHUNK)
    encoding = _BYTE_ORDER_MARKS.get(start[:2], "latin-1")  # tokens are ASCII, whatever stands around them
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    kept = ""
    for chunk in chain((start,), iter(lambda: stream.read(_CHUNK), b"")):
        kept += decoder.decode(chunk)
        yield from tokens_in(kept)
        # A token may lie across two pieces; one found twice counts once.
        kept = kept[1 - TOKEN_LENGTH_MAX :]


def _secret(url: str) -> "Hidden[bytes]":
    """The secret that pseudonyms were made with. Only looked for, never made: with a new one nothing could be found."""
    from sqlalchemy.engine import make_url

    from gateway.store.faults import StoreError

    database = make_url(url).database if url.startswith("sqlite:") else None
    if database is not None and not Path(database).exists():
        fail(f"{database}: there is no state store: the keys of pseudonyms are in the one that was served with")
    try:
        found = asyncio.run(_find(url))
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
    if found is None:
        fail("the state store has no secret for pseudonyms: nothing was ever served from it")
    return found


async def _find(url: str) -> "Hidden[bytes] | None":
    from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
    from gateway.store.store import Store

    store = await Store.open(url)
    try:
        return await ServerSecrets(store).find(PSEUDONYM_SECRET)
    finally:
        await store.close()
