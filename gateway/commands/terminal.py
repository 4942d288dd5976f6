"""What commands share at the terminal: colour only where it is one, findings as text or JSON, exit codes."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeAlias
from unicodedata import category

import msgspec
import typer
from rich.console import Console

from contracts.finding import Finding, errors
from gateway.workspace import Workspace, load_workspace
from policies.reference import Language

Format: TypeAlias = Literal["text", "json"]


def workspace_in(folder: Path) -> Path:
    """The workspace that a folder is, or, for what `demo` made, the one that it holds."""
    inner = folder / "workspace"
    try:
        return inner if not _is_workspace(folder) and _is_workspace(inner) else folder
    except OSError as error:  # a name too long, a folder above that is closed
        fail(f"{folder}: {error.strerror or type(error).__name__}")


def _is_workspace(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("products", "policies", "agreements"))


Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="The workspace: a folder with products, policies, agreements; or the folder of a demo.",
        callback=workspace_in,
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="For people, or for machines.")]
LanguageOption = Annotated[
    Language | None, typer.Option("--lang", help="zh or en; by default the language of the terminal.")
]

EXIT_FOUND = 1
"""Something is wrong with what was looked at."""
EXIT_USAGE = 2
"""The command could not do what it was asked."""


def language_or_terminal(language: Language | None) -> Language:
    """The language asked for, or that of the terminal's locale."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return language or ("zh" if locale.lower().startswith("zh") else "en")


def out() -> Console:
    """Standard output. Rich leaves colour out where there is no terminal, and wherever NO_COLOR is set."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def err() -> Console:
    """Standard error, for what is not the command's answer."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(text.decode() + "\n")


def fail(message: str, code: int = EXIT_USAGE) -> NoReturn:
    """Say why on standard error, in one line, and end."""
    err().print(f"[bold red]error:[/] {_plain(message)}")
    raise typer.Exit(code)


def refuse_odd(arguments: Iterable[str]) -> None:
    """Raises SystemExit for an argument that is no text: neither the log nor a terminal could say it."""
    for number, argument in enumerate(arguments, 1):
        if any("\ud800" <= character <= "\udfff" for character in argument):
            sys.stderr.write(f"error: argument {number} is not UTF-8\n")
            raise SystemExit(EXIT_USAGE)


def show_findings(findings: Iterable[Finding]) -> None:
    """Findings, one a line, on standard error."""
    console = err()
    for finding in findings:
        style = "red" if finding.severity == "error" else "yellow"
        console.print(finding.to_text(), style=style, markup=False)


def counted(number: int, thing: str) -> str:
    """1 epoch, 2 epochs."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def existing(folder: Path) -> Path:
    """The folder itself; where there is none, one line says so and the command ends."""
    if not folder.is_dir():
        fail(f"{folder}: there is no such folder; `clausegate init {folder}` makes a workspace there")
    return folder


def open_workspace(folder: Path) -> Workspace:
    """The compiled workspace; when it has errors they are shown and the command ends."""
    loaded = load_workspace(existing(folder))
    if isinstance(loaded, Workspace):
        return loaded
    show_findings(loaded)
    fail(f"{folder}: {counted(len(errors(loaded)), 'error')}: see above; `clausegate check {folder}` lists them")


def printable(text: str) -> str:
    """What a name from elsewhere looks like on a terminal, to which it is to write nothing but itself."""
    return "".join(each if category(each)[0] != "C" else each.encode("unicode_escape").decode() for each in text)


def _plain(text: str) -> str:
    return printable(text).replace("[", "\\[")
