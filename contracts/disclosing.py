"""Where a view discloses a field otherwise than the agreement's disclosure clauses allow."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from adapters.base import Path
from contracts.agreement import Agreement
from contracts.finding import Finding, KeyPath
from contracts.offer import ObjectOffer, RoleOffer
from contracts.product import Product
from contracts.source import Source
from contracts.workspace import Loaded
from policies.clause import Disclosure


def disclosure_findings(
    agreement: Loaded[Agreement],
    product: Loaded[Product],
    role: RoleOffer,
    part: ObjectOffer,
    disclosures: Sequence[Disclosure],
) -> list[Finding]:
    """Findings on the view that the product's document gives the partner's role, one for each field and each clause.

    Every clause about a field has to hold, so that of several the most restrictive decides. A `classification` may be
    several words, `personal-sensitive jrt-3`: a clause about any of them is about the field.
    """
    called = agreement.value.partner.role
    binding = [disclosure for disclosure in disclosures if called not in disclosure.except_roles]
    if not binding or not part.granted.classifications:
        return []
    at: KeyPath = (*role.at, "objects", part.schema.name) if role.view.objects else role.at
    based = role.view.legal_basis is not None
    found = []
    for disclosure in binding:
        for path, broken in _broken(disclosure, part, based):
            clause = disclosure.clause
            message = (
                f"{product.value.name} {product.value.version} shows {'.'.join(path)} to role {called}, {broken}: "
                f"clause {clause.id} of {clause.agreement} {clause.version} ({agreement.source.file})"
            )
            place = _place(at, path, product.source)
            found.append(product.source.finding("disclosure-forbidden", message, place))
    return found


def _broken(disclosure: Disclosure, part: ObjectOffer, based: bool) -> Iterator[tuple[Path, str]]:
    """Fields whose disclosure the clause does not allow, and why not; of those that lack a legal basis the first."""
    lacking = disclosure.needs_legal_basis and not based
    for field, technique in part.granted.leaves:
        classification = part.granted.classifications.get(field.path)
        if classification is None or disclosure.classifications.isdisjoint(_words(classification)):
            continue
        if technique.name not in disclosure.techniques:
            allowed = ", ".join(sorted(disclosure.techniques | {"suppress"}))
            yield field.path, f"which is {classification}, as {technique.name}; allowed are {allowed}"
        if lacking:
            lacking = False
            yield field.path, f"which is {classification}, and the view names no legal_basis"


@lru_cache(1024)
def _words(classification: str) -> frozenset[str]:
    """A classification's words. Thousands of agreements ask about the same few."""
    return frozenset(classification.split())


def _place(at: KeyPath, path: Path, source: Source) -> KeyPath:
    """Where the view grants the field: its own line, or that of what it lies in."""
    for length in range(len(path), 0, -1):
        place: KeyPath = (*at, "fields", ".".join(path[:length]))
        if place in source.lines:
            return place
    return (*at, "fields")
