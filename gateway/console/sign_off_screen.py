"""Sign-offs on the screen as values: who has approved which agreement version, and one version to read and approve."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.console.agreement_screen import plans_of
from gateway.console.figures import clock, day
from gateway.console.product_views import ProductView, product_views
from gateway.health.ecosystem import Term, term_of
from gateway.people.sign_offs import SignOff
from policies.reference import ClauseRef


class Signature(Struct, frozen=True):
    """A sign-off in words: by whom, and when in the agreement's time zone."""

    username: str
    at: str


class SignOffRow(Struct, frozen=True):
    """One agreement version in the list; `mine`: the person who looks has signed it off."""

    contract: Contract
    term: Term
    signed: tuple[Signature, ...]
    mine: bool


class SignOffScreen(Struct, frozen=True):
    """One agreement version with all that its hash stands for; `mine` is when the person signed it off, "" if never."""

    contract: Contract
    term: Term
    begins: str
    ends: str
    signed: tuple[Signature, ...]
    mine: str
    clauses: tuple[ClauseRef, ...]
    products: tuple[ProductView, ...]


def signatures(given: Sequence[SignOff], contract: Contract) -> tuple[Signature, ...]:
    """The sign-offs of a contract, in words."""
    zone = ZoneInfo(contract.time_zone)
    return tuple(Signature(one.username, clock(one.time_us // 1_000_000, zone)) for one in given)


def to_sign(plans: Plans, now_s: int) -> list[Contract]:
    """Every agreement version that has not ended, by partner, agreement and beginning."""
    found = [contract for contract in plans.contracts.values() if term_of(contract, now_s) != "ended"]
    return sorted(found, key=lambda one: (one.partner, one.agreement, one.effective_from_s, one.version))


def sign_off_rows(
    contracts: Sequence[Contract], given: Mapping[str, Sequence[SignOff]], username: str, now_s: int
) -> list[SignOffRow]:
    """The list, for this person."""
    return [
        SignOffRow(
            contract,
            term_of(contract, now_s),
            signatures(given[contract.hash], contract),
            any(one.username == username for one in given[contract.hash]),
        )
        for contract in contracts
    ]


def sign_off_screen(
    contract: Contract, plans: Plans, given: Sequence[SignOff], username: str, now_s: int
) -> SignOffScreen:
    """One agreement version, for this person."""
    zone, signed = ZoneInfo(contract.time_zone), signatures(given, contract)
    return SignOffScreen(
        contract=contract,
        term=term_of(contract, now_s),
        begins=day(contract.effective_from_s, zone),
        ends=day(contract.effective_until_s, zone),
        signed=signed,
        mine=next((one.at for one in signed if one.username == username), ""),
        clauses=(*contract.clauses, contract.effective_clause, contract.products_clause),
        products=product_views(plans_of(plans, contract)),
    )
