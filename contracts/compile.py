"""compile: documents in, plans or all findings out. Pure; runs at start, on reload and in `check`."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from adapters.base import Backend, Call
from contracts.agreement import Agreement
from contracts.authenticating import authentication_findings
from contracts.bounds import page_limit_of, policy_header
from contracts.calling import Services, in_order_of_time
from contracts.canonical import Canonical
from contracts.disclosing import disclosure_findings
from contracts.finding import Finding, KeyPath, errors, in_order
from contracts.offer import ObjectOffer, Offer, RoleOffer, digest, grants, offer
from contracts.overlapping import overlapping_calls, overlapping_products
from contracts.plan import Contract, Plan, Plans, Promised, ServicePlan
from contracts.product import READING, Operation, Product
from contracts.rows import Predicate, RowFilter
from contracts.service import Service
from contracts.terms import Rendered, Term, cover_clauses, policy_findings, terms_of
from contracts.workspace import Documents, Loaded, is_broken
from policies.clause import Anomaly, Authentication, Binding, Bulk, Disclosure, Effect, Meter, PageSize, Signing
from policies.gate import Gate
from policies.kinds.purpose import PurposeGate
from policies.library import Policy
from policies.limit import Limit
from policies.settling.promise import Promise

_WITH_KEY: frozenset[Operation] = frozenset({"get", "update", "delete"})

T = TypeVar("T")
EffectT = TypeVar("EffectT")


def compile_documents(documents: Documents, backends: Mapping[str, Backend]) -> Plans | list[Finding]:
    """Compile a workspace. The result serves only if no document has an error; warnings are for `check` to show."""
    plans, findings = compile_and_check(documents, backends)
    return findings if errors(findings) else plans


def compile_and_check(documents: Documents, backends: Mapping[str, Backend]) -> tuple[Plans, list[Finding]]:
    """As `compile_documents`, with warnings beside plans. The plans are whole only when no finding is an error."""
    found: list[Finding] = []
    library = _library(documents, backends, found)
    agreements = _by_version(
        documents.agreements, "agreement", found, lambda agreement: (agreement.agreement, agreement.version)
    )
    made = [_bind(agreement, documents, library, found) for agreement in agreements.values()]
    sound = [compiled for compiled in made if compiled is not None]
    found += overlapping_products((one.loaded, one.contract) for one in sound)
    found += overlapping_calls((one.loaded, one.calls) for one in sound)
    return _plans(sound), in_order(found)


class _Library(Struct, frozen=True):
    """The documents that agreements name, by name and version; `offers` are the products that can be served."""

    products: Mapping[tuple[str, str], Loaded[Product]]
    policies: Mapping[tuple[str, str], Loaded[Policy]]
    offers: Mapping[tuple[str, str], Offer]
    services: Services
    rendered: Rendered
    canonical: Canonical


def _library(documents: Documents, backends: Mapping[str, Backend], found: list[Finding]) -> _Library:
    products = _by_version(documents.products, "product", found, lambda product: (product.name or "", product.version))
    policies = _by_version(documents.policies, "policy", found, lambda policy: (policy.policy, policy.version))
    for policy in policies.values():
        found += policy_findings(policy)
    offers: dict[tuple[str, str], Offer] = {}
    for name, product in products.items():
        offered, wrong = offer(product, backends)
        found += wrong
        if offered is not None:
            offers[name] = offered
    named = _by_version(documents.services, "service", found, lambda service: (service.name, service.version))
    services = Services(named, documents.broken_services)
    return _Library(products, policies, offers, services, Rendered(), Canonical())


def _by_version(
    loaded: Iterable[Loaded[T]], word: str, found: list[Finding], name_of: Callable[[T], tuple[str, str]]
) -> dict[tuple[str, str], Loaded[T]]:
    """Documents by name and version; the same twice is a finding on the later file."""
    known: dict[tuple[str, str], Loaded[T]] = {}
    for document in loaded:
        name = name_of(document.value)
        if name in known:
            message = f"{word} {name[0]} {name[1]} is already in {known[name].source.file}"
            found.append(document.source.finding("duplicate-document", message))
        known.setdefault(name, document)
    return known


class _Bound(Struct, frozen=True):
    """One agreement with what it names, before plans are made of it."""

    loaded: Loaded[Agreement]
    offers: list[tuple[Offer, RoleOffer]]
    terms: list[Term]


class _Compiled(Struct, frozen=True):
    """One agreement, its contract and plans; `canonical` gives the bytes that the contract hash is of."""

    loaded: Loaded[Agreement]
    contract: Contract
    plans: list[Plan]
    calls: list[ServicePlan]
    canonical: Callable[[], bytes]


def _bind(loaded: Loaded[Agreement], documents: Documents, library: _Library, found: list[Finding]) -> _Compiled | None:
    """One agreement's contract and plans; None when something is wrong with it."""
    before = len(found)
    term = _term(loaded, found)
    terms, wrong = terms_of(loaded, library.policies, documents.broken_policies, library.rendered)
    found += [*wrong, *authentication_findings(loaded, terms), *library.services.findings(loaded)]
    bound = _Bound(loaded, _chosen(loaded, documents, library, found), terms)
    for offered, role in bound.offers:
        found += _view_findings(bound, offered, role)
    named = all((policy.policy, policy.version) in library.policies for policy in loaded.value.policies)
    named = named and len(library.services.named(loaded.value)) == len(loaded.value.services)
    if len(found) > before or term is None or not named or len(bound.offers) < len(loaded.value.products):
        return None
    contract = _contract(bound, library, term)
    planning = _Planning(contract, bound)
    plans = [
        plan for offered, role in bound.offers for part in role.objects for plan in planning.plans(offered, role, part)
    ]
    calls = library.services.plans(loaded.value, contract)
    return _Compiled(loaded, contract, plans, calls, partial(library.canonical.resolved, *_named(bound, library)))


def _named(
    bound: _Bound, library: _Library
) -> tuple[Loaded[Agreement], list[Loaded[Product]], list[Loaded[Policy]], list[Loaded[Service]]]:
    """The agreement with the very documents that it names, in the order in which it names them."""
    return (
        bound.loaded,
        [offered.loaded for offered, _ in bound.offers],
        [library.policies[reference.policy, reference.version] for reference in bound.loaded.value.policies],
        library.services.named(bound.loaded.value),
    )


def _chosen(
    loaded: Loaded[Agreement], documents: Documents, library: _Library, found: list[Finding]
) -> list[tuple[Offer, RoleOffer]]:
    """The products that the agreement names, each with the view for the partner's role."""
    role_name, source = loaded.value.partner.role, loaded.source
    chosen: list[tuple[Offer, RoleOffer]] = []
    for index, reference in enumerate(loaded.value.products):
        name = (reference.product, reference.version)
        at: KeyPath = ("products", index)
        if name not in library.products:
            if is_broken(documents.broken_products, *name):
                continue
            if any(product == reference.product for product, _ in library.products):
                message = f"product {name[0]} has no version {name[1]} here"
                found.append(source.finding("unknown-product-version", message, (*at, "version")))
            else:
                found.append(source.finding("unknown-product", f"there is no product {name[0]}", (*at, "product")))
        elif name in library.offers:
            offered = library.offers[name]
            role = offered.roles.get(role_name)
            if role is not None:
                chosen.append((offered, role))
            elif role_name in offered.idle_roles:
                message = f"the view of {name[0]} {name[1]} for role {role_name} grants no field yet"
                found.append(source.finding("nothing-granted", message, at))
            elif role_name not in _roles_written(offered):
                message = f"product {name[0]} {name[1]} has no view for role {role_name}"
                found.append(source.finding("unknown-role", message, at))
        elif not grants(library.products[name].value):
            message = f"no view of {name[0]} {name[1]} grants a field yet"
            found.append(source.finding("nothing-granted", message, at))
    return chosen


def _roles_written(offered: Offer) -> set[str]:
    """Roles with a view, also with a wrong one: that has its own finding."""
    return {
        role.role
        for role in offered.loaded.value.roles
        if any(entry.property == "view" for entry in role.customProperties)
    }


def _term(loaded: Loaded[Agreement], found: list[Finding]) -> tuple[int, int] | None:
    """From when until when, in Unix seconds."""
    effective = loaded.value.effective
    if effective.from_ >= effective.to:
        message = f"ends on {effective.to}, not after it begins on {effective.from_}"
        found.append(loaded.source.finding("dates-reversed", message, ("effective", "to")))
        return None
    try:
        zone = ZoneInfo(effective.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{effective.time_zone} is no time zone of the IANA database, such as Asia/Shanghai"
        found.append(loaded.source.finding("unknown-time-zone", message, ("effective", "time_zone")))
        return None
    return _start_of(effective.from_, zone), _start_of(effective.to, zone)


def _start_of(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).astimezone(UTC).timestamp())


def _view_findings(bound: _Bound, offered: Offer, role: RoleOffer) -> list[Finding]:
    """Where a view and the agreement's clauses do not go together: it could not be used at all, or not lawfully."""
    agreement, found = bound.loaded, []
    effects = _effects(bound, role, offered.name, role.objects[0].view.operations[0])
    for effect in effects:
        # A view none of whose purposes a clause allows could never be used: that is a mistake, not a rule.
        if isinstance(effect, PurposeGate) and not effect.purposes:
            message = (
                f"clause {effect.clause.id} allows no purpose that the view of {offered.name} for role "
                f"{agreement.value.partner.role} declares ({', '.join(role.view.purpose)})"
            )
            found.append(agreement.source.finding("purpose-forbidden", message, ("products",)))
    disclosures = _all(effects, Disclosure)
    for part in role.objects:
        found += disclosure_findings(agreement, offered.loaded, role, part, disclosures)
    return found


def _effects(bound: _Bound, role: RoleOffer, resource: str, operation: Operation) -> list[Effect]:
    partner = bound.loaded.value.partner.id
    effects = (
        term.clause.effect(
            Binding(
                clause=term.ref,
                partner=partner,
                product=resource,
                operation=operation,
                purposes=role.view.purpose,
                zone=bound.loaded.value.effective.time_zone,
            )
        )
        for term in bound.terms
    )
    return [effect for effect in effects if effect is not None]


def _contract(bound: _Bound, library: _Library, term: tuple[int, int]) -> Contract:
    agreement, named = bound.loaded.value, _named(bound, library)
    effective_clause, products_clause = cover_clauses(agreement)
    return Contract(
        agreement=agreement.agreement,
        version=agreement.version,
        hash=library.canonical.contract_hash(*named),
        partner=agreement.partner.id,
        partner_code=agreement.partner.code,
        partner_name=agreement.partner.name,
        role=agreement.partner.role,
        time_zone=agreement.effective.time_zone,
        effective_from_s=term[0],
        effective_until_s=term[1],
        requests_per_day=agreement.volume.requests_per_day if agreement.volume else None,
        ack=agreement.ack,
        products=tuple(offered.name for offered, _ in bound.offers),
        clauses=tuple(term.ref for term in bound.terms),
        prevails=named[2][0].value.prevails,
        effective_clause=effective_clause,
        products_clause=products_clause,
        promises=tuple(Promised(term.ref, term.clause) for term in bound.terms if isinstance(term.clause, Promise)),
        monthly_fee=agreement.fees.monthly if agreement.fees else "",
        currency=agreement.fees.currency if agreement.fees else "",
    )


class _Laid(Struct, frozen=True):
    """One object for one partner, before its operations are told apart."""

    offered: Offer
    role: RoleOffer
    part: ObjectOffer
    rows: RowFilter | None
    keeps: Predicate | None
    call: Call
    seed: bytes


class _Planning:
    """Makes one agreement's plans."""

    def __init__(self, contract: Contract, bound: _Bound) -> None:
        self._contract, self._bound = contract, bound
        partner = bound.loaded.value.partner
        self._partner = {"id": partner.id, "code": partner.code, "role": partner.role}

    def plans(self, offered: Offer, role: RoleOffer, part: ObjectOffer) -> list[Plan]:
        """A plan for each operation of one object."""
        rows = part.rows.bind(self._partner) if part.rows is not None else None
        call = Call(
            resource=part.schema.physicalName or part.schema.name,
            key=part.key,
            fields=part.reads,
            condition=None if rows is None or (part.filters_here and offered.backend.enforces_rows) else rows.condition,
            timeout_ms=offered.backend.timeout_ms,
            max_bytes=offered.backend.max_bytes,
        )
        seed = digest(self._contract.hash, part.resource).encode()
        laid = _Laid(offered, role, part, rows, _keeps(rows, part), call, seed)
        return [self._plan(laid, operation) for operation in dict.fromkeys(part.view.operations)]

    def _plan(self, laid: _Laid, operation: Operation) -> Plan:
        contract, part, view, backend = self._contract, laid.part, laid.role.view, laid.offered.backend
        effects = _effects(self._bound, laid.role, part.resource, operation)
        limits = _all(effects, Limit)
        page_limit, page_clause = page_limit_of(_all(effects, PageSize))
        identifier = digest(contract.hash, part.resource, operation)
        return Plan(
            id=identifier,
            contract=contract,
            resource=part.resource,
            product=laid.offered.name,
            product_version=laid.offered.loaded.value.version,
            operation=operation,
            route=f"/v1/{part.resource}" + ("/{key}" if operation in _WITH_KEY else ""),
            scope=f"{laid.offered.name}:{'read' if operation in READING else 'write'}",
            backend=laid.offered.backend_name,
            envelope=backend.envelope(),
            sorts=backend.sorts(),
            filters=backend.enforces_rows,
            call=laid.call,
            offer=part,
            mask=part.mask,
            rows=laid.rows,
            keeps=laid.keeps,
            writing=part.writings.get(operation),
            gates=_all(effects, Gate),
            limits=limits,
            meters=_all(effects, Meter),
            purposes=view.purpose,
            legal_basis=view.legal_basis,
            partner_values=self._partner,
            bulks=_all(effects, Bulk),
            anomalies=_all(effects, Anomaly),
            page_limit=page_limit,
            page_clause=page_clause,
            headers=(contract.header(), *policy_header(limits)),
            seed=laid.seed,
            authentication=_all(effects, Authentication),
            signing=_all(effects, Signing),
        )


def _all(effects: list[Effect], kind: type[EffectT]) -> tuple[EffectT, ...]:
    return tuple(effect for effect in effects if isinstance(effect, kind))


def _keeps(rows: RowFilter | None, part: ObjectOffer) -> Predicate | None:
    """The filter that the gateway applies itself. Fails closed: a filter without facts to decide on is no plan."""
    if rows is None or not part.filters_here:
        return None
    facts = part.mask.facts
    if not facts.paths.issuperset(rows.paths) or not facts.paths:
        raise RuntimeError(f"{part.resource}: a row filter without its facts")
    return rows.predicate(facts)


def _plans(compiled: list[_Compiled]) -> Plans:
    routes: dict[tuple[str, str, Operation], list[Plan]] = {}
    for one in compiled:
        for plan in one.plans:
            routes.setdefault((plan.contract.partner, plan.resource, plan.operation), []).append(plan)
    in_time = {
        route: tuple(sorted(plans, key=lambda plan: plan.contract.effective_from_s)) for route, plans in routes.items()
    }
    contracts = {(one.contract.agreement, one.contract.version): one.contract for one in compiled}
    canonical = {one.contract.hash: one.canonical for one in compiled}
    operations: dict[tuple[str, str], frozenset[Operation]] = {}
    for partner, resource, operation in in_time:
        operations[partner, resource] = operations.get((partner, resource), frozenset()) | {operation}
    calls = in_order_of_time(call for one in compiled for call in one.calls)
    return Plans(by_route=in_time, contracts=contracts, operations=operations, canonical=canonical, calls=calls)
