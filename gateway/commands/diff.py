"""clausegate diff: what an edit of contracts means for the partners."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from contracts.change import Change, Comparison, Effect
from contracts.finding import Finding, errors
from contracts.workspace import Loaded
from gateway.commands.terminal import (
    EXIT_FOUND,
    FormatOption,
    counted,
    err,
    fail,
    out,
    print_json,
    show_findings,
    workspace_in,
)

NAME = "diff"
EXIT_WIDER = 3
"""Some partner sees or may do more, and none less."""
EXIT_BREAKING = 4
"""Some partner sees less, may do less or is owed less."""

Place = Annotated[Path, typer.Argument(help="A workspace, or one product, policy or agreement.")]
_STYLES: dict[Effect, str] = {
    "exposes": "yellow",
    "withholds": "red",
    "tightens": "red",
    "loosens": "yellow",
    "wording": "dim",
}


def run(
    old: Place,
    new: Place,
    agreement: Annotated[
        str | None, typer.Option("--agreement", metavar="NAME", help="One agreement alone, of two workspaces.")
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Compare two workspaces, or two documents of one kind, by what they mean for each partner.

    Each change *exposes* (the partner sees more), *withholds* (sees less), *tightens* (may do less, or is owed less),
    *loosens* (may do more, or is owed more), or is *wording*; what cannot be put in order counts both ways.

    Exit status 0 when nothing changed but wording, 3 when partners see or may do more and none less, 4 when something
    withholds or tightens, 1 when documents have mistakes, 2 when there is nothing to compare.
    """
    from contracts.compare import is_breaking, is_widening

    for path in (old, new):
        if not path.exists():
            fail(f"{path}: does not exist")
    if old.is_dir() != new.is_dir():
        folder, file = (old, new) if old.is_dir() else (new, old)
        fail(f"{folder} is a folder and {file} is none: compare two workspaces, or two documents")
    found = _folders(old, new, agreement) if old.is_dir() else _files(old, new, agreement)
    breaking, widening = is_breaking(found), is_widening(found)
    if output == "json":
        print_json({"breaking": breaking, "widening": widening, "comparisons": found})
    else:
        _show(found)
    if breaking or widening:
        raise typer.Exit(EXIT_BREAKING if breaking else EXIT_WIDER)


def _folders(old: Path, new: Path, agreement: str | None) -> list[Comparison]:
    """Two workspaces, agreement by agreement."""
    from contracts.compare import Contracts, compare, contracts_of
    from contracts.workspace import read_workspace

    sides: list[Contracts] = []
    for folder in (old, new):
        documents, findings = read_workspace(workspace_in(folder))
        contracts = errors(findings) or contracts_of(documents)
        if isinstance(contracts, list):
            _refuse(folder, contracts)
        sides.append(contracts)
    known = {name for side in sides for name, _ in side.agreements}
    if agreement is not None and agreement not in known:
        fail(f"there is no agreement {agreement}; there are: {', '.join(sorted(known))}")
    return compare(sides[0], sides[1], agreement)


def _files(old: Path, new: Path, agreement: str | None) -> list[Comparison]:
    """Two documents."""
    from contracts.compare import compare_files

    if agreement is not None:
        fail("--agreement chooses among the agreements of two workspaces")
    sides = [_document(path) for path in (old, new)]
    try:
        found = compare_files(*sides)
    except ValueError as error:
        fail(str(error))
    return [found] if found.changes else []


def _document(path: Path) -> Loaded[Any]:
    """A file as the kind of document that it says it is; or the command ends with what is wrong with it."""
    from contracts.workspace import decode_document

    try:
        data = path.read_bytes()
    except OSError as error:
        fail(f"{path}: {error.strerror or 'cannot be read'}")
    loaded = decode_document(data, str(path))
    if isinstance(loaded, list):
        _refuse(path, loaded)
    return loaded


def _refuse(path: Path, findings: list[Finding]) -> NoReturn:
    """The command ends with what is wrong with a document."""
    show_findings(findings)
    fail(f"{path}: {counted(len(errors(findings)), 'error')}: see above", EXIT_FOUND)


def _show(comparisons: list[Comparison]) -> None:
    """Changes one a line, by agreement; then how many there are of each effect."""
    console = out()
    counts: dict[Effect, int] = dict.fromkeys(_STYLES, 0)
    for comparison in comparisons:
        versions = f"{comparison.old_version or '(none)'} → {comparison.new_version or '(none)'}"
        console.print(f"[bold]{comparison.name}[/] {versions}", soft_wrap=True)
        for change in comparison.changes:
            effects = ", ".join(change.effects)
            console.print(f"  {effects:<20}", style=_STYLES[change.effects[0]], end="")
            console.print(f" {_line(change)}", markup=False, soft_wrap=True)
            for effect in change.effects:
                counts[effect] += 1
    said = [f"{effect} {count}" for effect, count in counts.items() if count]
    err().print(", ".join(said) if said else "no change", markup=False)


def _line(change: Change) -> str:
    place = f"{change.about} {change.part}" if change.part else change.about
    if change.old is None and change.new is None:
        return place
    old, new = ("(none)" if value is None else value for value in (change.old, change.new))
    return f"{place}: {old} → {new}"
