"""locate: what do they want? Method, path and query become a Plan and a Query."""

from urllib.parse import parse_qsl, unquote_to_bytes

from msgspec import Struct

from adapters.base import Query
from contracts.plan import Contract, Plan, Plans
from contracts.product import Operation
from gateway.exchange.arrival import Arrival
from gateway.exchange.cursor import Cursors
from gateway.exchange.outcome import Outcome, problem

KEY_CHARACTERS_MAX = 256
_READING = frozenset({"GET", "HEAD"})
_ALLOW = ((b"allow", b"GET, HEAD, OPTIONS"),)


class Located(Struct, frozen=True, gc=False):
    """What is asked: the plan in force (or nearest to it), and the query for its backend, or how it ends already.

    `contract` is the plan's; without a plan the partner's agreement in force (or nearest to it), None without any.
    """

    contract: Contract | None
    plan: Plan | None
    query: Query | Outcome


def locate(plans: Plans, cursors: Cursors, partner: str, arrival: Arrival) -> Located:
    """Find the partner's plan for this path. A path is `/v1/{product}` or `/v1/{product}/{key}`."""
    if arrival.oversized:
        return _nothing_there(plans, partner, arrival, arrival.oversized)
    segments = arrival.path.split(b"/")
    if not 3 <= len(segments) <= 4 or segments[0] or segments[1] != b"v1" or not segments[2]:
        return _nothing_there(plans, partner, arrival, "not-found")
    operation: Operation = "list" if len(segments) == 3 else "get"
    product = _text(segments[2])
    plan = _in_force(plans.by_route.get((partner, product or "", operation), ()), arrival.time_us // 1_000_000)
    if plan is None:
        return _nothing_there(plans, partner, arrival, "unknown-product")
    if arrival.method not in _READING:
        if arrival.method == "OPTIONS":
            return Located(plan.contract, plan, Outcome(204, body=b"", headers=_ALLOW))
        return Located(plan.contract, plan, problem("method-not-allowed", headers=_ALLOW))
    trace = arrival.traceparent.decode("latin-1") if arrival.traceparent else None
    if operation == "list":
        return Located(plan.contract, plan, _page(plan, cursors, arrival.query, trace))
    return Located(plan.contract, plan, _one(arrival.query, _text(segments[3]), trace))


def _in_force(candidates: tuple[Plan, ...], now_s: int) -> Plan | None:
    """The plan of the agreement in force; else the last that was, else the first that will be: `admit` says which."""
    chosen: Plan | None = None
    for plan in candidates:
        if chosen is None or plan.contract.effective_from_s <= now_s:
            chosen = plan
    return chosen


def _nothing_there(plans: Plans, partner: str, arrival: Arrival, code: str) -> Located:
    """No plan for this path. If it could be a product's, the cover page's list of products is the clause."""
    contract: Contract | None = None
    for candidate in plans.of_partner(partner):
        if contract is None or candidate.effective_from_s <= arrival.time_us // 1_000_000:
            contract = candidate
    clause = contract.products_clause if contract and code == "unknown-product" else None
    return Located(contract, None, problem(code, clause=clause))


def _one(query: bytes, key: str | None, trace: str | None) -> Query | Outcome:
    if query:
        return _unknown_parameter(query)
    if key is None or not key or len(key) > KEY_CHARACTERS_MAX or key in {".", ".."} or not key.isprintable():
        return problem("record-not-found")
    return Query(key=key, traceparent=trace)


def _page(plan: Plan, cursors: Cursors, query: bytes, trace: str | None) -> Query | Outcome:
    default, maximum = plan.page_limit
    if not query:
        return Query(limit=default, traceparent=trace)
    given = _parameters(query)
    if given is None or not given.keys() <= {"limit", "cursor"}:
        return _unknown_parameter(query)
    limit, after = default, None
    if "limit" in given:
        text = given["limit"]
        if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= maximum):
            return problem("invalid-limit", detail=f"limit: 1-{maximum}")
        limit = int(text)
    if "cursor" in given:
        after = cursors.open(given["cursor"], plan)
        if after is None:
            return problem("invalid-cursor")
    return Query(limit=limit, after=after, traceparent=trace)


def _unknown_parameter(query: bytes) -> Outcome:
    given = _parameters(query)
    return problem("token-in-query" if given and "access_token" in given else "invalid-parameter")


def _parameters(query: bytes) -> dict[str, str] | None:
    """Query parameters; None when they are no UTF-8 or one is given twice."""
    try:
        text = query.decode("ascii")
        if "%" not in text and "+" not in text and "&" not in text:  # nearly every query
            name, _, value = text.partition("=")
            return {name: value}
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError:
        return None
    given = dict(pairs)
    return given if len(given) == len(pairs) else None


def _text(segment: bytes) -> str | None:
    """A path segment, percent-decoded; None when it is no UTF-8."""
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        return None
