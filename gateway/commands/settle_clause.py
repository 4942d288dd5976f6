"""Which clause of a file is to be settled, and whether it can be."""

import re
from typing import Any

from msgspec.structs import replace

from contracts.decode import decode
from contracts.finding import Finding, KeyPath
from contracts.source import Source
from contracts.workspace import UNIONS
from policies.clause import Clause
from policies.kinds import KINDS
from policies.settling.promise import Promise

_ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}\Z")
_ANY_ID = "0"


def clause_in(source: Source, number: str | None) -> Promise | list[Finding] | str:
    """The promise of a document: it is the document, or a clause of it. Findings for one that is wrong, all of them;
    text where it cannot be told which one is meant."""
    chosen = _chosen(source.data, number)
    if isinstance(chosen, str):
        return chosen
    at, values = chosen
    if not isinstance(values, dict):
        return [source.finding("wrong-type", "a clause is a mapping with kind and its parameters", at)]
    spoken = _complete(values)
    holder: Any = spoken
    for step in reversed(at):
        holder = {step: holder} if isinstance(step, str) else [None] * step + [holder]
    clause = decode(replace(source, data=holder), Clause, UNIONS, at)
    if isinstance(clause, list):
        return clause
    if not isinstance(clause, Promise):
        kind, promises = values["kind"], ", ".join(sorted(promise_kinds()))
        return [source.finding("unknown-kind", f"{kind} is no promise: those are {promises}", (*at, "kind"))]
    faults = clause.faults()
    if faults:
        return [source.finding("contradiction", message, (*at, *name.split("."))) for name, message in faults]
    return clause


def promise_kinds() -> list[str]:
    """The kinds of clauses that something is owed under."""
    return [name for name, kind in KINDS.items() if issubclass(kind, Promise)]


def _chosen(data: dict[str, Any], number: str | None) -> tuple[KeyPath, Any] | str:
    if "kind" in data or "clauses" not in data:
        return ((), data) if number is None or str(data.get("id")) == number else f"there is no clause {number}"
    clauses = data["clauses"]
    if not isinstance(clauses, list):
        return "clauses is no list"
    promises = promise_kinds()
    fitting = [
        position
        for position, values in enumerate(clauses)
        if isinstance(values, dict)
        and (str(values.get("id")) == number if number is not None else values.get("kind") in promises)
    ]
    if number is None and len(clauses) == 1:
        fitting = [0]
    if len(fitting) == 1:
        return ("clauses", fitting[0]), clauses[fitting[0]]
    if number is not None:
        return f"there is {'no' if not fitting else 'more than one'} clause {number}"
    numbers = ", ".join(str(clauses[position].get("id")) for position in fitting)
    return (
        f"say which clause with --clause: {numbers}" if fitting else "there is no clause that something is owed under"
    )


def _complete(values: dict[str, Any]) -> dict[str, Any]:
    """The clause with a number and a sentence, neither of which is settled."""
    number = values.get("id")
    named = number if isinstance(number, str) and _ID.match(number) else _ANY_ID
    return {**values, "id": named, "text": {"zh": "-", "en": "-"}}
