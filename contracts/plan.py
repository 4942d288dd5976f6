"""What compiling a contract yields: a Plan per (agreement, product, operation), and Plans, the set that serves."""

from collections.abc import Mapping

from msgspec import Struct

from adapters.base import Call, Path
from contracts.agreement import Ack
from contracts.mask import Mask
from contracts.product import Operation
from contracts.rows import Predicate
from contracts.view import GrantedView
from policies.clause import ClauseRef, Gate, Language, Limit, Meter, Words


class Contract(Struct, frozen=True):
    """An agreement in force: its cover page, its hash, and every clause as rendered.

    `effective_from_s` and `effective_until_s` are Unix seconds; the agreement is in force from the first,
    inclusive, to the second, exclusive. `hash` is the SHA-256 of the canonical resolved agreement, in hex.
    """

    agreement: str
    version: str
    hash: str
    partner: str
    partner_code: str
    partner_name: Words
    role: str
    time_zone: str
    effective_from_s: int
    effective_until_s: int
    requests_per_day: int | None
    ack: Ack
    products: tuple[str, ...]
    clauses: tuple[ClauseRef, ...]
    prevails: Language
    effective_clause: ClauseRef
    products_clause: ClauseRef

    def header(self) -> tuple[bytes, bytes]:
        """The `Clausegate-Agreement` header: which agreement an answer was given under."""
        said = f'{self.agreement}; version="{self.version}"; contract="{self.hash}"'
        return b"clausegate-agreement", said.encode()


class Plan(Struct, frozen=True):
    """All that one request needs, precomputed. `gates`, `limits` and `meters` are in the order of the clauses.

    `scope` is the OAuth scope a token must hold, `route` the RFC 6570 path template, `mask_id` names the set of
    fields and techniques in records, `headers` are ready for ASGI. `page_limit` is (default, maximum) records. `keeps`
    is the filter that the gateway itself must apply, None when there is none or the backend enforces it; `rows_text` is
    the filter as written. `subjects` are the fields that say which person a record is about, `readable_subjects` those
    of them that the backend's answer holds.
    """

    id: str
    contract: Contract
    product: str
    product_version: str
    operation: Operation
    route: str
    scope: str
    backend: str
    call: Call
    view: GrantedView
    mask: Mask
    mask_id: str
    keeps: Predicate | None
    rows_text: str | None
    subjects: tuple[Path, ...]
    readable_subjects: tuple[Path, ...]
    gates: tuple[Gate, ...]
    limits: tuple[Limit, ...]
    meters: tuple[Meter, ...]
    purposes: tuple[str, ...]
    page_limit: tuple[int, int]
    headers: tuple[tuple[bytes, bytes], ...]


class Plans(Struct, frozen=True):
    """Everything that is in force, as one value that a reload swaps whole.

    `by_route` maps (partner id, product name, operation) to its plans in order of effective date: agreements of
    one partner for one product never overlap in time. `contracts` are all agreements by id and version.
    """

    by_route: Mapping[tuple[str, str, Operation], tuple[Plan, ...]]
    contracts: Mapping[tuple[str, str], Contract]

    def of_partner(self, partner: str) -> tuple[Contract, ...]:
        """The partner's agreements, oldest first."""
        found = [contract for contract in self.contracts.values() if contract.partner == partner]
        return tuple(sorted(found, key=lambda contract: contract.effective_from_s))

    def partners(self) -> tuple[str, ...]:
        """Every partner with an agreement, by id."""
        return tuple(sorted({contract.partner for contract in self.contracts.values()}))

    def all_plans(self) -> tuple[Plan, ...]:
        """Every plan, by route."""
        return tuple(plan for plans in self.by_route.values() for plan in plans)
