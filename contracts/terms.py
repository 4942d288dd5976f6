"""The clauses of an agreement: its policies at their versions, with what the agreement itself sets, rendered."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from contracts.agreement import Agreement, PolicyReference
from contracts.decode import examine
from contracts.finding import Finding, KeyPath
from contracts.source import Source
from contracts.workspace import Broken, Loaded, is_broken
from policies.clause import Clause
from policies.library import Policy, render, text_faults
from policies.reference import ClauseRef, Words


class Term(Struct, frozen=True):
    """One clause in force under one agreement: its executed values and the words rendered from them."""

    clause: Clause
    ref: ClauseRef


class Rendered:
    """Sentences of clauses, each rendered once: thousands of agreements share the clauses of a few policies."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Clause, Words | None]] = {}

    def words(self, clause: Clause) -> Words | None:
        """The clause's sentence in each language; None when it has a fault, which is a finding of its own."""
        known = self._known.get(id(clause))
        if known is None:
            said = None if text_faults(clause) else render(clause)
            known = self._known[id(clause)] = (clause, said)
        return known[1]


def policy_findings(loaded: Loaded[Policy]) -> list[Finding]:
    """What is wrong with a policy by itself: numbers given twice, texts that leave a parameter out, contradictions."""
    source, policy = loaded.source, loaded.value
    found: list[Finding] = []
    seen: dict[str, int] = {}
    for index, clause in enumerate(policy.clauses):
        at: KeyPath = ("clauses", index)
        if clause.id in seen:
            message = f"clause {clause.id} was already given as clauses[{seen[clause.id]}]"
            found.append(source.finding("duplicate-clause", message, (*at, "id")))
        seen.setdefault(clause.id, index)
        found += clause_findings(clause, source, at)
    return found


def clause_findings(clause: Clause, source: Source, at: KeyPath) -> list[Finding]:
    """What is wrong with one clause, said at `at` of `source`."""
    found = [
        source.finding("contradiction", f"clause {clause.id}: {message}", (*at, *name.split(".")))
        for name, message in clause.faults()
    ]
    found += [
        source.finding(fault.code, f"clause {clause.id}: {fault.message}", (*at, "text", fault.language))
        for fault in text_faults(clause)
    ]
    return found


def terms_of(
    loaded: Loaded[Agreement],
    policies: Mapping[tuple[str, str], Loaded[Policy]],
    broken: tuple[Broken, ...],
    rendered: Rendered,
) -> tuple[list[Term], list[Finding]]:
    """The agreement's clauses in the order of its policies; or what is wrong with how it names and sets them."""
    agreement, source = loaded.value, loaded.source
    terms: list[Term] = []
    found: list[Finding] = []
    taken: dict[str, str] = {}
    for index, reference in enumerate(agreement.policies):
        at: KeyPath = ("policies", index)
        policy = policies.get((reference.policy, reference.version))
        if policy is None:
            if not is_broken(broken, reference.policy, reference.version):
                found.append(source.finding(*_unknown(reference, {name for name, _ in policies}), (*at, "version")))
            continue
        clauses, wrong = _set_clauses(policy.value, reference, source, at)
        found += wrong
        for clause in clauses:
            if clause.id in taken and taken[clause.id] != reference.policy:
                both = f"{taken[clause.id]} and {reference.policy}"
                message = f"clause {clause.id} stands in both {both}: a refusal must name one"
                found.append(source.finding("duplicate-clause", message, at))
            taken[clause.id] = reference.policy
            kind = str(clause.__struct_config__.tag)
            words = rendered.words(clause)
            if words is not None:
                terms.append(Term(clause, ClauseRef(agreement.agreement, agreement.version, clause.id, kind, words)))
    return terms, found


def _unknown(reference: PolicyReference, names: set[str]) -> tuple[str, str]:
    if reference.policy in names:
        return "unknown-policy-version", f"policy {reference.policy} has no version {reference.version} here"
    return "unknown-policy", f"there is no policy {reference.policy}"


def _set_clauses(
    policy: Policy, reference: PolicyReference, source: Source, at: KeyPath
) -> tuple[list[Clause], list[Finding]]:
    """The policy's clauses with the agreement's own values in place."""
    found: list[Finding] = []
    known = {clause.id for clause in policy.clauses}
    for number in reference.set:
        if number not in known:
            message = f"policy {reference.policy} {reference.version} has no clause {number}"
            found.append(source.finding("unknown-clause", message, (*at, "set", number)))
    clauses: list[Clause] = []
    for clause in policy.clauses:
        values = reference.set.get(clause.id)
        changed = _changed(clause, values, source, (*at, "set", clause.id)) if values else clause
        if isinstance(changed, Clause):
            clauses.append(changed)
        else:
            found += changed
    return clauses, found


def _changed(clause: Clause, values: Mapping[str, Any], source: Source, at: KeyPath) -> Clause | list[Finding]:
    fixed = {"id", "kind", "text"}
    known = set(clause.__struct_encode_fields__) - fixed
    found = [
        source.finding("unknown-key", f"clause {clause.id} has no parameter {name} to set", (*at, name))
        for name in values
        if name not in known
    ]
    if found:
        return found
    merged = msgspec.to_builtins(clause) | dict(values)
    mistakes = examine(merged, type(clause))
    if mistakes:
        said = f"clause {clause.id}"
        return [source.finding(code, f"{said}: {message}", (*at, *path)) for code, message, path in mistakes]
    changed = msgspec.convert(merged, type(clause))
    already_said = {finding.message for finding in clause_findings(clause, source, at)}
    new = [finding for finding in clause_findings(changed, source, at) if finding.message not in already_said]
    return new or changed


def cover_clauses(agreement: Agreement) -> tuple[ClauseRef, ClauseRef]:
    """What the cover page lays down, as clauses a refusal can name: the term of the agreement, and its products."""
    term, products = agreement.effective, [reference.product for reference in agreement.products]
    effective = ClauseRef(
        agreement.agreement,
        agreement.version,
        "effective",
        "cover",
        {
            "zh": f"本协议自 {term.from_} 起至 {term.to} 止（不含当日）有效，以 {term.time_zone} 时间为准。",
            "en": f"This agreement is in force from {term.from_} until {term.to} (exclusive), {term.time_zone} time.",
        },
    )
    covered = ClauseRef(
        agreement.agreement,
        agreement.version,
        "products",
        "cover",
        {
            "zh": f"本协议涵盖的数据产品：{'、'.join(products)}。",
            "en": f"This agreement covers: {', '.join(products)}.",
        },
    )
    return effective, covered
