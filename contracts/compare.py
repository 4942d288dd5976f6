"""Compares contracts: what each agreement lets its partner see and do, before and after an edit.

Everything is compared as it is executed: views laid over their products, clauses with what the agreement sets.
Documents that no agreement uses bind nobody, so they are not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.base import Backend
from contracts.agreement import Agreement
from contracts.change import (
    BREAKING,
    EITHER,
    EXPOSES,
    NOTHING,
    WIDENING,
    WITHHOLDS,
    WORDING,
    Change,
    Comparison,
    Sight,
    change,
)
from contracts.compare_clauses import compare_clauses
from contracts.compare_services import compare_services
from contracts.compare_views import compare_products
from contracts.compile import compile_and_check
from contracts.finding import Finding, errors
from contracts.offer import Offer, offer
from contracts.product import Product
from contracts.service import Service
from contracts.terms import Rendered, terms_of
from contracts.workspace import Documents, Loaded
from policies.clause import Clause
from policies.direction import Directions, falling, ranked, rising, unordered
from policies.library import Policy
from policies.promise import amount


class Contracts:
    """The agreements of one workspace with all that they name, ready to be compared."""

    def __init__(self, documents: Documents) -> None:
        self.agreements = {_key(loaded.value.agreement, loaded.value): loaded for loaded in documents.agreements}
        self._products = {_key(loaded.value.name or "", loaded.value): loaded for loaded in documents.products}
        self.policies = {_key(loaded.value.policy, loaded.value): loaded for loaded in documents.policies}
        self.services = {_key(loaded.value.name, loaded.value): loaded for loaded in documents.services}
        self._offers: dict[tuple[str, str], Offer | None] = {}
        self._rendered = Rendered()

    def offers(self, agreement: Agreement) -> dict[str, Offer]:
        """The agreement's products by name, each laid out for its roles."""
        found: dict[str, Offer] = {}
        for reference in agreement.products:
            key = (reference.product, reference.version)
            if key not in self._offers:
                self._offers[key] = offered(self._products[key])
            made = self._offers[key]
            if made is not None:
                found[reference.product] = made
        return found

    def clauses(self, agreement: Loaded[Agreement]) -> list[Clause]:
        """The clauses in force, with what the agreement sets."""
        terms, _ = terms_of(agreement, self.policies, (), self._rendered)
        return [term.clause for term in terms]


def _key(name: str, document: Any) -> tuple[str, str]:
    return name, document.version


def contracts_of(documents: Documents) -> Contracts | list[Finding]:
    """The contracts of documents that were read without a mistake; or what is wrong with their meaning.

    Needs no backends.toml: whether a backend exists is not a question of the contract.
    """
    _, findings = compile_and_check(documents, _stand_ins(documents.products))
    return errors(findings) or Contracts(documents)


def offered(product: Loaded[Product]) -> Offer | None:
    """A product laid out for its roles; None when something is wrong with it."""
    return offer(product, _stand_ins([product]))[0]


def _stand_ins(products: Iterable[Loaded[Product]]) -> dict[str, Backend]:
    """A backend for every name that products give."""
    entries = (entry for product in products for entry in product.value.customProperties)
    return {str(entry.value): Backend() for entry in entries if entry.property == "backend"}


def compare(old: Contracts, new: Contracts, only: str | None = None) -> list[Comparison]:
    """What changed for each agreement, in order of name; `only` one of them. Those without a change are left out."""
    names = sorted({name for name, _ in [*old.agreements, *new.agreements] if only in (None, name)})
    found = [comparison for name in names for comparison in _named(old, new, name)]
    return [comparison for comparison in found if comparison.changes]


def _named(old: Contracts, new: Contracts, name: str) -> Iterator[Comparison]:
    """The versions of one agreement: equal ones with each other, what is left in order, latest with latest."""
    before, after = (sorted(_versions(side, name), key=_numbers, reverse=True) for side in (old, new))
    both = [version for version in before if version in after]
    gone, come = ([version for version in side if version not in both] for side in (before, after))
    pairs = [(version, version) for version in both]
    pairs += list(zip(gone, come, strict=False))
    for earlier, later in sorted(pairs, key=lambda pair: _numbers(pair[1])):
        changes = compare_agreements(old, old.agreements[name, earlier], new, new.agreements[name, later])
        yield Comparison(name, earlier, later, tuple(changes))
    for version in gone[len(come) :]:
        yield Comparison(name, version, None, tuple(change("agreement", "", WITHHOLDS, version, None)))
    for version in come[len(gone) :]:
        yield Comparison(name, None, version, tuple(change("agreement", "", EXPOSES, None, version)))


def _versions(side: Contracts, name: str) -> list[str]:
    return [version for known, version in side.agreements if known == name]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def compare_agreements(
    old: Contracts, before: Loaded[Agreement], new: Contracts, after: Loaded[Agreement]
) -> Iterator[Change]:
    """Two versions of an agreement, with all that they name."""
    yield from compare_covers(before.value, after.value)
    roles = before.value.partner.role, after.value.partner.role
    offers, others = old.offers(before.value), new.offers(after.value)
    for name in dict.fromkeys([*offers, *others]):
        if name not in others:
            yield from change(f"product {name}", "", WITHHOLDS, offers[name].loaded.value.version, None)
        elif name not in offers:
            yield from change(f"product {name}", "", EXPOSES, None, others[name].loaded.value.version)
        else:
            yield from compare_products(offers[name], others[name], *roles)
    yield from compare_services(before.value, after.value, old.services, new.services)
    yield from compare_clauses(old.clauses(before), new.clauses(after))
    yield from _prevails(old.policies, before.value, new.policies, after.value)


def _prevails(
    old: Mapping[tuple[str, str], Loaded[Policy]],
    before: Agreement,
    new: Mapping[tuple[str, str], Loaded[Policy]],
    after: Agreement,
) -> Iterator[Change]:
    """Policies of the same name: which language decides, and the rest of what they say beside their clauses."""
    policies = {reference.policy: old[reference.policy, reference.version].value for reference in before.policies}
    for reference in after.policies:
        earlier, later = policies.get(reference.policy), new[reference.policy, reference.version].value
        if earlier is not None:
            yield from _policy(earlier, later)


def _policy(old: Policy, new: Policy) -> Iterator[Change]:
    about = f"policy {new.policy}"
    yield from change(about, "prevails", unordered(old.prevails, new.prevails), old.prevails, new.prevails)
    yield from change(about, "title", _wording(old.title, new.title), old.title.get("en"), new.title.get("en"))
    yield from change(about, "version", _wording(old.version, new.version), old.version, new.version)


def _wording(old: object, new: object) -> Sight:
    return NOTHING if old == new else WORDING


def compare_covers(old: Agreement, new: Agreement) -> Iterator[Change]:
    """Two cover pages: the partner, the term, what is paid, when an answer may leave."""
    about = "cover"
    for name in ("id", "code", "role"):
        values = getattr(old.partner, name), getattr(new.partner, name)
        yield from change(about, f"partner.{name}", NOTHING if values[0] == values[1] else EITHER, *values)
    names = old.partner.name, new.partner.name
    yield from change(about, "partner.name", _wording(*names), *(name.get("en") for name in names))
    yield from change(about, "version", _wording(old.version, new.version), old.version, new.version)
    term, other = old.effective, new.effective
    yield from change(about, "effective.from", _sight(falling(term.from_, other.from_)), term.from_, other.from_)
    yield from change(about, "effective.to", _sight(rising(term.to, other.to)), term.to, other.to)
    zones = term.time_zone, other.time_zone
    yield from change(about, "effective.time_zone", NOTHING if zones[0] == zones[1] else EITHER, *zones)
    yield from _fees(old, new)
    volumes = tuple(side.volume.requests_per_day if side.volume else None for side in (old, new))
    yield from change(about, "volume.requests_per_day", _expected(*volumes), *volumes)
    yield from change(about, "ack", ranked("write", "sync")(old.ack, new.ack), old.ack, new.ack)


def _sight(directions: Directions) -> Sight:
    """Of a span of time in which data are served, longer is to see more."""
    sights: dict[str, Sight] = {"loosens": EXPOSES, "tightens": WITHHOLDS}
    return NOTHING.union(*(sights[direction] for direction in directions))


def _fees(old: Agreement, new: Agreement) -> Iterable[Change]:
    """To pay more is to be owed less; between currencies nothing can be said."""
    said = [f"{side.fees.monthly} {side.fees.currency}" if side.fees else None for side in (old, new)]
    if old.fees and new.fees and old.fees.currency != new.fees.currency:
        return change("cover", "fees", unordered(*said), *said)
    monthly = [side.fees.monthly if side.fees else "0" for side in (old, new)]
    directions = amount(falling)(*monthly)
    return change("cover", "fees", directions or _wording(*said), *said)


def _expected(old: int | None, new: int | None) -> Directions:
    return rising(old, new) if old is not None and new is not None else unordered(old, new)


def compare_files(old: Loaded[Any], new: Loaded[Any]) -> Comparison:
    """Two documents of one kind by themselves: what they name is compared by name alone.

    Raises ValueError for documents of different kinds, or products that cannot be laid out.
    """
    before, after = old.value, new.value
    if type(before) is not type(after):
        raise ValueError("two documents of different kinds cannot be compared")
    if isinstance(before, Policy):
        changes = [*compare_clauses(before.clauses, after.clauses), *_policy(before, after)]
        return Comparison(after.policy, before.version, after.version, tuple(changes))
    if isinstance(before, Agreement):
        changes = [*compare_covers(before, after), *_references(before, after)]
        changes += compare_services(before, after, {}, {})
        return Comparison(after.agreement, before.version, after.version, tuple(changes))
    if isinstance(before, Service):
        raise ValueError("two services cannot be compared by themselves: compare the agreements that name them")
    offers = offered(old), offered(new)
    if offers[0] is None or offers[1] is None:
        raise ValueError("a product that cannot be served cannot be compared")
    changes = list(_roles(offers[0], offers[1])) or list(change("product", "", _wording(before, after)))
    return Comparison(after.name, before.version, after.version, tuple(changes))


def _roles(old: Offer, new: Offer) -> Iterator[Change]:
    for role in dict.fromkeys([*old.roles, *new.roles]):
        for found in compare_products(old, new, role):
            yield Change(f"role {role}", found.part, found.effects, found.old, found.new)


def _references(old: Agreement, new: Agreement) -> Iterator[Change]:
    """What an agreement names. What is in another version is not known here, so it may be more or less."""
    products = [{reference.product: reference.version for reference in side.products} for side in (old, new)]
    for name in dict.fromkeys([*products[0], *products[1]]):
        before, after = products[0].get(name), products[1].get(name)
        sight = EXPOSES if before is None else WITHHOLDS if after is None else EITHER
        yield from change(f"product {name}", "version", sight if before != after else NOTHING, before, after)
    policies = [{reference.policy: reference for reference in side.policies} for side in (old, new)]
    for name in dict.fromkeys([*policies[0], *policies[1]]):
        earlier, later = policies[0].get(name), policies[1].get(name)
        versions = [side.version if side else None for side in (earlier, later)]
        yield from change(f"policy {name}", "version", unordered(*versions), *versions)
        values = [side.set if side else {} for side in (earlier, later)]
        for number in dict.fromkeys([*values[0], *values[1]]):
            before_set, after_set = values[0].get(number), values[1].get(number)
            yield from change(f"clause {number}", "set", unordered(before_set, after_set), before_set, after_set)


def is_breaking(comparisons: Iterable[Comparison]) -> bool:
    """Whether some partner sees less, may do less or is owed less."""
    return any(not BREAKING.isdisjoint(found.effects) for side in comparisons for found in side.changes)


def is_widening(comparisons: Iterable[Comparison]) -> bool:
    """Whether some partner sees more, may do more or is owed more."""
    return any(not WIDENING.isdisjoint(found.effects) for side in comparisons for found in side.changes)
