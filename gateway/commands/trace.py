"""clausegate trace: which partner a leaked extract was made for, by the pseudonyms in it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gateway.commands.pseudonym_secret import pseudonym_secret
from gateway.commands.terminal import EXIT_FOUND, Folder, FormatOption, counted, fail, open_workspace, out, print_json
from policies.keys import PartnerKeys
from policies.pseudonyms import TOKEN_LENGTH_MAX, Attribution, attribute, tokens_in

NAME = "trace"
_CHUNK = 1 << 20


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
    secret = pseudonym_secret(workspace)
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
    """What looks like a pseudonym in a text, read piece by piece.

    Tokens are ASCII, whatever stands around them. Zero bytes are left out: in UTF-16, which spreadsheets write, they
    stand between the letters, in a whole file or in the part of it that came from there.
    """
    kept = ""
    while chunk := stream.read(_CHUNK):
        kept += chunk.replace(b"\0", b"").decode("latin-1")
        yield from tokens_in(kept)
        # A token may lie across two pieces; one found twice counts once.
        kept = kept[1 - TOKEN_LENGTH_MAX :]
