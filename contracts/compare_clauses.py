"""The clauses of two agreements or policies, compared number by number, by the values that are executed."""

from collections.abc import Iterable, Iterator, Mapping

from contracts.change import WORDING, Change, change
from policies.clause import Clause
from policies.direction import Directions, narrowing, opposite, widening
from policies.direction import ranked as ranked_choices
from policies.kinds.disclosure import DisclosureRule
from policies.library import render, text_faults

_DISCLOSURE = {
    "classifications": narrowing,
    "allowed": widening,
    "except_roles": widening,
    "legal_basis": ranked_choices("required", None),
}
"""Which way the parameters of a rule about disclosure count: more classifications bind more, more techniques less."""


def compare_clauses(old: Iterable[Clause], new: Iterable[Clause]) -> Iterator[Change]:
    """Every parameter that changed, clauses that came and went, and texts that say the same otherwise."""
    before, after = ({clause.id: clause for clause in side} for side in (old, new))
    for number in dict.fromkeys([*before, *after]):
        about = f"clause {number}"
        earlier, later = before.get(number), after.get(number)
        if earlier is not None and later is not None and type(earlier) is type(later):
            yield from _clause(about, earlier, later)
            continue
        if earlier is not None:
            yield from change(about, "", opposite(earlier.presence()), _kind(earlier), None)
        if later is not None:
            yield from change(about, "", later.presence(), None, _kind(later))


def _clause(about: str, old: Clause, new: Clause) -> Iterator[Change]:
    before, after = old.parameters(), new.parameters()
    said = _said(old), _said(new)
    for name in before:
        if name not in after:
            continue  # a credit schedule that came or went is one change, not one for each of its values
        yield from change(
            about,
            name,
            _directions(old, new, name),
            *(_value(words, name, value) for words, value in zip(said, (before[name], after[name]), strict=True)),
        )
    if old.text != new.text:
        yield from change(about, "text", WORDING, *(_text(clause) for clause in (old, new)))


def _directions(old: Clause, new: Clause, name: str) -> Directions:
    if isinstance(old, DisclosureRule) and name in _DISCLOSURE:
        return _DISCLOSURE[name](getattr(old, name), getattr(new, name))
    return old.judged(new, name)


def _kind(clause: Clause) -> str:
    return str(clause.__struct_config__.tag)


def _said(clause: Clause) -> Mapping[str, str]:
    return {name: words["en"] for name, words in clause.words().items()}


def _value(said: Mapping[str, str], name: str, value: object) -> str | None:
    if isinstance(value, bool):
        return "given" if value else None
    return said.get(name, None if value is None else str(value))


def _text(clause: Clause) -> str | None:
    return clause.text.get("en") if text_faults(clause) else render(clause)["en"]
