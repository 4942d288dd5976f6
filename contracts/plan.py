"""What compiling a contract yields: a Plan per (agreement, product, operation), and Plans, the set that serves."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Call, Envelope
from contracts.agreement import HUB, Ack
from contracts.mask import Mask
from contracts.offer import ObjectOffer
from contracts.product import LegalBasis, Operation
from contracts.quality import QualityRules
from contracts.rows import Predicate, RowFilter
from contracts.service_operation import Operation as ServiceOperation
from contracts.view import GrantedView
from contracts.writing import Writing
from policies.clause import Anomaly, Authentication, Bulk, Meter, Signing
from policies.gate import Gate
from policies.keys import PartnerKeys, hmac_sha256
from policies.limit import Limit
from policies.reference import ClauseRef, Language, Words
from policies.settling.promise import Promise


class Promised(Struct, frozen=True, gc=False):
    """A clause of an agreement that something is owed under: how it is named, and the clause with its parameters."""

    ref: ClauseRef
    clause: Promise


class Contract(Struct, frozen=True, gc=False):
    """An agreement in force: its cover page, its hash, and every clause as rendered.

    `effective_from_s` and `effective_until_s` are Unix seconds; the agreement is in force from the first,
    inclusive, to the second, exclusive. `hash` is the SHA-256 of the canonical resolved agreement, in hex.
    `promises` are those of its clauses that a statement settles, in their order; `monthly_fee` (decimal text) and
    `currency` are "" where the agreement names none.
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
    promises: tuple[Promised, ...] = ()
    monthly_fee: str = ""
    currency: str = ""

    def header(self) -> tuple[bytes, bytes]:
        """The `Clausegate-Agreement` header: which agreement an answer was given under."""
        said = f'{self.agreement}; version="{self.version}"; contract="{self.hash}"'
        return b"clausegate-agreement", said.encode()


class Plan(Struct, frozen=True, gc=False):
    """All that one request needs, precomputed. `gates`, `limits`, `meters`, `bulks`, `anomalies`, `authentication`
    and `signing` are in the order of the clauses.

    `resource` is the product's name, and behind a slash the object's where the product has several; `offer` what
    all partners of the role share. `scope` is the OAuth scope a token must hold, `route` the RFC 6570 path
    template, `headers` are ready for ASGI, `seed` begins each ETag, the same for all operations of a resource, so
    that If-Match takes what a read gave. `mask` is the offer's, with the partner's keys once `with_keys` gave them;
    with them `seed` is a secret, or whoever guesses the data would see by the ETag alone that the guess is right.
    `page_limit` is (default, maximum) records, `page_clause` what says so, None where no clause does. `rows` is the row
    filter with the partner's values, `keeps` the same where the gateway itself must apply it, None when there is none
    or the backend enforces it. `sorts` and `filters` say what the backend does of what a caller may ask. `writing` is
    what a body may hold, None for operations without one. `partner_values` are what `partner` means in a contract.
    """

    id: str
    contract: Contract
    resource: str
    product: str
    product_version: str
    operation: Operation
    route: str
    scope: str
    backend: str
    envelope: Envelope
    sorts: bool
    filters: bool
    call: Call
    offer: ObjectOffer
    mask: Mask
    rows: RowFilter | None
    keeps: Predicate | None
    writing: Writing | None
    gates: tuple[Gate, ...]
    limits: tuple[Limit, ...]
    meters: tuple[Meter, ...]
    bulks: tuple[Bulk, ...]
    anomalies: tuple[Anomaly, ...]
    purposes: tuple[str, ...]
    legal_basis: LegalBasis | None
    partner_values: Mapping[str, str]
    page_limit: tuple[int, int]
    page_clause: ClauseRef | None
    headers: tuple[tuple[bytes, bytes], ...]
    seed: bytes
    authentication: tuple[Authentication, ...] = ()
    signing: tuple[Signing, ...] = ()

    @property
    def view(self) -> GrantedView:
        """Which fields are granted, and how each is disclosed."""
        return self.offer.granted

    @property
    def mask_id(self) -> str:
        """Names the set of fields and techniques in records."""
        return self.offer.mask_id

    @property
    def quality(self) -> QualityRules:
        """What is measured on samples of the data."""
        return self.offer.quality


class ServicePlan(Struct, frozen=True, gc=False):
    """All that one call of a partner's own interface needs. `scope` is what a token of the hub must hold for it."""

    contract: Contract
    service: str
    service_version: str
    operation: ServiceOperation
    scope: str


class Plans(Struct, frozen=True):
    """Everything that is in force, as one value that a reload swaps whole.

    `by_route` maps (partner id, resource, operation) to its plans in order of effective date: agreements of one partner
    for one product never overlap in time. `operations` says what a partner can do of a resource under any of them.
    `contracts` are all agreements by id and version. `canonical` gives, by contract hash, the bytes that have it
    (contracts/canonical.py) when called: made anew each time, for thousands would fill the memory. `calls` maps
    (partner id, operation) to what the hub may call of that partner's, in order of effective date.
    """

    by_route: Mapping[tuple[str, str, Operation], tuple[Plan, ...]]
    contracts: Mapping[tuple[str, str], Contract]
    operations: Mapping[tuple[str, str], frozenset[Operation]] = MappingProxyType({})
    canonical: Mapping[str, Callable[[], bytes]] = MappingProxyType({})
    calls: Mapping[tuple[str, str], tuple[ServicePlan, ...]] = MappingProxyType({})

    def of_partner(self, partner: str) -> tuple[Contract, ...]:
        """The partner's agreements, oldest first."""
        found = [contract for contract in self.contracts.values() if contract.partner == partner]
        return tuple(sorted(found, key=lambda contract: contract.effective_from_s))

    def versions_of(self, agreement: str) -> tuple[Contract, ...]:
        """The versions of an agreement, oldest first: by when each takes effect, for as text 1.10.0 is before 1.9.0."""
        found = [contract for contract in self.contracts.values() if contract.agreement == agreement]
        return tuple(sorted(found, key=lambda contract: (contract.effective_from_s, contract.version)))

    def partners(self) -> tuple[str, ...]:
        """Every partner with an agreement, by id."""
        return tuple(sorted({contract.partner for contract in self.contracts.values()}))

    def agreements(self) -> frozenset[str]:
        """The ids of all agreements."""
        return frozenset(contract.agreement for contract in self.contracts.values())

    def scopes_of(self, partner: str) -> frozenset[str]:
        """Every scope that a partner's agreements give; for HUB, those of all that the hub may call of partners."""
        if partner == HUB:
            return frozenset(call.scope for calls in self.calls.values() for call in calls)
        return frozenset(plan.scope for plan in self.all_plans() if plan.contract.partner == partner)

    def all_plans(self) -> tuple[Plan, ...]:
        """Every plan, by route."""
        return tuple(plan for plans in self.by_route.values() for plan in plans)

    def with_keys(self, keys_of: Callable[[str], PartnerKeys]) -> "Plans":
        """The same with each partner's keys in its masks and ETags; `keys_of` gives them by partner id.

        Before this, a plan with a keyed technique answers with no data at all.
        """
        keys = {partner: keys_of(partner) for partner in self.partners()}
        tags = {partner: hmac_sha256(each.derive("etag", 1)) for partner, each in keys.items()}
        keyed = {
            route: tuple(
                replace(
                    plan,
                    mask=plan.mask.with_keys(keys[route[0]]) if plan.mask.keyed else plan.mask,
                    seed=tags[route[0]](plan.seed),
                )
                for plan in plans
            )
            for route, plans in self.by_route.items()
        }
        return replace(self, by_route=keyed)
