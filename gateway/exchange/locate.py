"""locate: what do they want? Method, path and query become a Plan and what is asked of it."""

from urllib.parse import unquote_to_bytes

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from contracts.product import Operation
from gateway.exchange.arrival import Arrival
from gateway.exchange.asked import Asked, read_change, read_one, read_page
from gateway.exchange.cursor import Cursors
from gateway.exchange.outcome import Outcome, problem

_OF_A_LIST: dict[str, Operation] = {"GET": "list", "HEAD": "list", "POST": "create"}
_OF_A_RECORD: dict[str, Operation] = {"GET": "get", "HEAD": "get", "PATCH": "update", "DELETE": "delete"}


class Located(Struct, frozen=True, gc=False):
    """What is asked: the plan in force (or nearest to it), and the question for it, or how it ends already.

    `contract` is the plan's; without a plan the partner's agreement in force (or nearest to it), None without any.
    """

    contract: Contract | None
    plan: Plan | None
    asked: Asked | Outcome


def locate(plans: Plans, cursors: Cursors, partner: str, arrival: Arrival) -> Located:
    """Find the partner's plan for this method and path: `/v1/{product}[/{key}]` or `/v1/{product}/{object}[/{key}]`."""
    if arrival.oversized:
        return _nothing_there(plans, partner, arrival, arrival.oversized)
    segments = arrival.path.split(b"/")
    if not 3 <= len(segments) <= 5 or segments[0] or segments[1] != b"v1" or not segments[2]:
        return _nothing_there(plans, partner, arrival, "not-found")
    named = _resource(plans, partner, segments)
    if named is None:
        return _nothing_there(plans, partner, arrival, "not-found")
    resource, key = named
    methods = _OF_A_LIST if key is None else _OF_A_RECORD
    operation = methods.get(arrival.method)
    now_s = arrival.time_us // 1_000_000
    plan = _in_force(plans.by_route.get((partner, resource, operation), ()), now_s) if operation else None
    if plan is None:
        return _not_allowed(plans, partner, resource, methods, arrival)
    if key is None:
        asked = read_page(plan, cursors, arrival) if operation == "list" else read_change(arrival, None)
    else:
        text = _text(key)
        asked = read_one(plan, arrival, text) if operation == "get" else read_change(arrival, text or "")
    return Located(plan.contract, plan, asked)


def _resource(plans: Plans, partner: str, segments: list[bytes]) -> tuple[str, bytes | None] | None:
    """The resource that a path is about, and the key of a record of it. Of several objects each has a name.

    None: the path goes deeper than a record does.
    """
    product = _text(segments[2]) or ""
    if len(segments) == 3:
        return product, None
    nested = f"{product}/{_text(segments[3])}"
    if (partner, nested) in plans.operations:
        return nested, segments[4] if len(segments) == 5 else None
    return (product, segments[3]) if len(segments) == 4 else None


def _in_force(candidates: tuple[Plan, ...], now_s: int) -> Plan | None:
    """The plan of the agreement in force; else the last that was, else the first that will be: `admit` says which."""
    chosen: Plan | None = None
    for plan in candidates:
        if chosen is None or plan.contract.effective_from_s <= now_s:
            chosen = plan
    return chosen


def _not_allowed(plans: Plans, partner: str, resource: str, methods: dict[str, Operation], arrival: Arrival) -> Located:
    """No operation for this method: what the resource can do is in Allow; or there is no such resource."""
    operations = plans.operations.get((partner, resource), frozenset())
    allowed = [method for method, operation in methods.items() if operation in operations]
    if not allowed:
        return _nothing_there(plans, partner, arrival, "not-found" if operations else "unknown-product")
    sibling = _in_force(plans.by_route[partner, resource, methods[allowed[0]]], arrival.time_us // 1_000_000)
    headers = ((b"allow", ", ".join([*allowed, "OPTIONS"]).encode()),)
    if arrival.method == "OPTIONS":
        outcome = Outcome(204, body=b"", headers=headers)
    else:
        outcome = problem("method-not-allowed", headers=headers)
    return Located(sibling.contract if sibling else None, sibling, outcome)


def _nothing_there(plans: Plans, partner: str, arrival: Arrival, code: str) -> Located:
    """No plan for this path. If it could be a product's, the cover page's list of products is the clause."""
    contract: Contract | None = None
    for candidate in plans.of_partner(partner):
        if contract is None or candidate.effective_from_s <= arrival.time_us // 1_000_000:
            contract = candidate
    clause = contract.products_clause if contract and code == "unknown-product" else None
    return Located(contract, None, problem(code, clause=clause))


def _text(segment: bytes) -> str | None:
    """A path segment, percent-decoded; None when it is no UTF-8."""
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return None
