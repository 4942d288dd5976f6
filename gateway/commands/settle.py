"""clausegate settle: what one clause makes of the facts of a period, as a calculator."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway.commands.terminal import (
    EXIT_FOUND,
    FormatOption,
    LanguageOption,
    fail,
    language_or_terminal,
    out,
    print_json,
    printable,
    show_findings,
)
from policies.reference import Language

if TYPE_CHECKING:
    from policies.settling.facts import FactFault, Facts
    from policies.settling.promise import Promise
    from policies.settling.settled import Settled

NAME = "settle"


def run(
    clause: Annotated[Path, typer.Argument(metavar="CLAUSE.yaml", help="The clause, or a policy that it stands in.")],
    facts: Annotated[Path, typer.Argument(metavar="FACTS.json", help="What happened in the period.")],
    *,
    number: Annotated[
        str | None, typer.Option("--clause", metavar="ID", help="Which clause, where the file holds several.")
    ] = None,
    output: FormatOption = "text",
    language: LanguageOption = None,
) -> None:
    """Settle one clause: what is measured, whether the promise was kept, and what is owed, step by step.

    The clause stands as in a policy; its sentence and its number may be left out. docs/sla.md has every parameter and
    every fact with its form. Statements are computed by the same engine.

    Exit status 0 when the clause could be settled, whatever came out, 1 for a clause or a fact that is wrong, 2 when a
    file cannot be read.
    """
    from policies.settling.facts import FactFault

    promise, given = _promise(clause, number), _facts(facts)
    settled = promise.settle(given)
    if isinstance(settled, FactFault):
        _refuse(facts, settled)
    if output == "json":
        print_json(answer(settled))
    else:
        _print(settled, language)


def answer(settled: "Settled") -> dict[str, Any]:
    """The answer as JSON has it: amounts as decimal strings, null where nothing was measured or nothing capped."""
    return {
        "measured": settled.measured,
        "verdict": settled.verdict,
        "percent": f"{settled.percent:f}",
        "credit": f"{settled.credit:f}",
        "capped_by": settled.capped_by or None,
        "explanation": dict(settled.explanation),
        "unit": settled.unit,
        "currency": settled.currency,
        "claim_by": settled.claim_by.isoformat() if settled.claim_by else None,
        "figures": {figure.name: figure.value for figure in settled.figures},
    }


def _promise(file: Path, number: str | None) -> "Promise":
    """The clause of the file. Ends the command, all mistakes shown, when there is none that can be settled."""
    from contracts.source import Source, read_source
    from gateway.commands.settle_clause import clause_in

    data = _read(file)
    source = read_source(data, str(file))
    if not isinstance(source, Source) and [finding.code for finding in source] == ["not-a-mapping"]:
        source = read_source(b"clauses:\n" + data, str(file))  # a list of clauses, as it stands in a policy
    if not isinstance(source, Source):
        show_findings(source)
        raise typer.Exit(EXIT_FOUND)
    found = clause_in(source, number)
    if isinstance(found, str):
        fail(f"{file}: {found}")
    if isinstance(found, list):
        show_findings(found)
        raise typer.Exit(EXIT_FOUND)
    return found


def _facts(file: Path) -> "Facts":
    from policies.settling.decoding import facts_of
    from policies.settling.facts import FactFault

    found = facts_of(_read(file))
    if isinstance(found, FactFault):
        _refuse(file, found)
    return found


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")


def _refuse(file: Path, fault: "FactFault") -> NoReturn:
    fail(f"{file}: {fault.fact}: {fault.message}" if fault.fact else f"{file}: {fault.message}", EXIT_FOUND)


def _print(settled: "Settled", language: Language | None) -> None:
    chosen = language_or_terminal(language)
    labels = _LABELS[chosen]
    unit = "%" if settled.unit == "percent" else f" {settled.unit}"
    money = f"{settled.credit:f}" + (f" {settled.currency}" if settled.currency else "")
    console = out()
    for label, value in (
        (labels["measured"], "–" if settled.measured is None else f"{settled.measured}{unit}"),
        (labels["verdict"], labels[settled.verdict]),
        (labels["percent"], f"{settled.percent:f}%"),
        (labels["credit"], printable(money)),
    ):
        console.print(f"{label}: {value}", markup=False)
    if settled.claim_by is not None:
        console.print(f"{labels['claim_by']}: {settled.claim_by}", markup=False)
    console.print(printable(settled.explanation[chosen]), markup=False)


_LABELS: dict[Language, dict[str, str]] = {
    "zh": {
        "measured": "实测",
        "verdict": "结论",
        "percent": "抵扣比例",
        "credit": "抵扣金额",
        "claim_by": "最迟提出日",
        "met": "达标",
        "missed": "未达标",
        "unknown": "不作评判",
    },
    "en": {
        "measured": "measured",
        "verdict": "verdict",
        "percent": "percent",
        "credit": "credit",
        "claim_by": "claim by",
        "met": "met",
        "missed": "missed",
        "unknown": "not judged",
    },
}
