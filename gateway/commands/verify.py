"""clausegate verify: re-read a log, or a part of one, and believe nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from gateway.commands.terminal import EXIT_FOUND, FormatOption, err, fail, print_json

NAME = "verify"
_Text = str | None


def run(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A workspace, a log folder, a published tree or folder of trees, a URL, a file with a receipt, "
            "a .tlog-proof, or an evidence bundle.",
        ),
    ],
    *,
    log: Annotated[_Text, typer.Option("--log", help="The log: a copy of it; of a receipt, its log.")] = None,
    vkey: Annotated[
        list[str] | None, typer.Option("--vkey", metavar="KEY", help="The log's key, or a file with it. Repeatable.")
    ] = None,
    policy: Annotated[
        _Text, typer.Option("--policy", metavar="FILE", help="A tlog-policy whose quorum must have cosigned.")
    ] = None,
    root: Annotated[_Text, typer.Option("--root", metavar="TARGET", help="The root log, if elsewhere.")] = None,
    receipt: Annotated[
        _Text, typer.Option("--receipt", metavar="RECEIPT", help="Look for this receipt's record; or a file with it.")
    ] = None,
    receipts_vkey: Annotated[
        _Text, typer.Option("--receipts-vkey", metavar="KEY", help="The key that signs receipts, or a file with it.")
    ] = None,
    leaf: Annotated[_Text, typer.Option("--leaf", metavar="LEAF", help="Of a .tlog-proof: its record or hash.")] = None,
    token_env: Annotated[
        str, typer.Option("--token-env", metavar="NAME", help="The variable that has the access token.")
    ] = "CLAUSEGATE_TOKEN",  # noqa: S107 - the name of a variable
    output: FormatOption = "text",
) -> None:
    """Verify a log, needing nothing but its files and public keys: recompute every hash, and name the first fault.

    Segments: every frame, checksum, link and number. Trees: every entry, tile, root and signature; that no partner's
    records have a gap; that the root log anchors just this history; that segments and trees hold the same records.

        clausegate verify my-hub
        clausegate verify https://gateway.example/partner/log --vkey partner.vkey --policy witnesses.policy
        clausegate verify https://gateway.example/partner/log --receipt receipt.txt
        clausegate verify evidence.zip

    May run beside a serving gateway. Exit status 0 when all is as it was written, 1 with the first place that is not
    or a deadline that was missed, 2 when it could not be checked. What a log cannot prove is in docs/audit.md.
    """
    from gateway.commands.verify_report import as_json, as_text, is_bad
    from gateway.commands.verify_target import Asked, UnusableError, verify
    from gateway.tlog.source import SourceError

    asked = Asked(target, log, tuple(vkey or ()), policy, root, receipt, receipts_vkey, leaf, token_env, time.time())
    with _stages() as stage:
        try:
            found = verify(asked, stage)
        except (SourceError, UnusableError) as error:
            fail(str(error))
    if output == "json":
        print_json(as_json(found))
    else:
        sys.stdout.write(as_text(found, asked.now_s))
    if is_bad(found):
        raise typer.Exit(EXIT_FOUND)


@contextmanager
def _stages() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """A bar on the terminal, one stage after another."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    console = err()
    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("verifying", total=None)

        def stage(name: str) -> Callable[[int, int], None]:
            bar.reset(task, description=name, total=None)
            return lambda done, total: bar.update(task, completed=done, total=total)

        yield stage
