"""What is asked of a plan: the query for its backend, and how the answer is wanted. Read from query and headers."""

import hashlib
from urllib.parse import parse_qsl

from msgspec import Struct

from adapters.base import AllOf, Condition, Order, Query
from contracts.plan import Plan
from contracts.selecting import Narrow, filter_of, narrow_to, order_of
from gateway.exchange.arrival import Arrival
from gateway.exchange.cursor import Cursors
from gateway.exchange.negotiate import Media, media_of
from gateway.exchange.outcome import Outcome, problem
from policies.reference import Words

KEY_CHARACTERS_MAX = 256
PARAMETERS_MAX = 32
EXPORT_MAX = 10**9
_OURS = frozenset({"limit", "cursor", "fields", "sort"})
_PLAIN = frozenset({"limit"})
_LIMIT: Words = {
    "zh": "`limit` 应为 1 至 {most} 的整数",
    "en": "`limit` is a whole number from 1 to {most}",
}


class Asked(Struct, frozen=True, gc=False):
    """What is asked. `place` binds cursors to the list, its filter and its order; `fields` are those wanted, None for
    all; `remaining` is the most records that an export may still hold."""

    query: Query
    place: bytes = b""
    media: Media = "json"
    fields: tuple[str, ...] | None = None
    narrow: Narrow | None = None
    remaining: int = EXPORT_MAX


def read_page(plan: Plan, cursors: Cursors, arrival: Arrival) -> Asked | Outcome:
    """A list: `limit`, `cursor`, `fields`, `sort`, and filters by the names of fields in clear."""
    default, maximum = plan.page_limit
    place = f"{plan.contract.partner}\n{plan.resource}".encode()
    accept = arrival.accept
    media: Media | None = "json" if accept is None else media_of(accept)
    if media is None:
        return problem("not-acceptable")
    query, trace = arrival.query, _trace(arrival)
    given = parameters(query) if query else {}
    if given is None:
        return unknown_parameter(query)
    limit = _limit(given.get("limit"), default, maximum, media)
    if limit is None:
        most = maximum if media == "json" else EXPORT_MAX
        return problem("invalid-limit", plan.page_clause, detail=_LIMIT[arrival.language].format(most=most))
    if media == "json" and given.keys() <= _PLAIN:  # nearly every request
        return Asked(Query(limit=limit, traceparent=trace), place, remaining=limit)
    selected = _selected(plan, given)
    if isinstance(selected, Outcome):
        return selected
    where, order, place = selected[0], selected[1], place + selected[2]
    after = None
    if "cursor" in given:
        after = cursors.open(given["cursor"], place)
        if after is None:
            return problem("invalid-cursor")
    narrowed = _narrowed(plan, given.get("fields"))
    if isinstance(narrowed, Outcome):
        return narrowed
    rows = limit if media == "json" else min(limit, maximum)
    asked = Query(limit=rows, after=after, where=where, order=order, traceparent=trace)
    return Asked(asked, place, media, *narrowed, remaining=limit)


def read_one(plan: Plan, arrival: Arrival, key: str | None) -> Asked | Outcome:
    """One record: `fields` is all that can be asked."""
    if arrival.accept is not None and media_of(arrival.accept) != "json":
        return problem("not-acceptable")
    fields, narrow = None, None
    if arrival.query:
        given = parameters(arrival.query)
        if given is None or given.keys() != {"fields"}:
            return unknown_parameter(arrival.query)
        narrowed = _narrowed(plan, given["fields"])
        if isinstance(narrowed, Outcome):
            return narrowed
        fields, narrow = narrowed
    if not is_key(key):
        return problem("record-not-found")
    return Asked(Query(key=key, traceparent=_trace(arrival)), fields=fields, narrow=narrow)


def read_change(arrival: Arrival, key: str | None) -> Asked | Outcome:
    """A change takes no parameters; the record is named by its key, None for one that is to be created."""
    if arrival.query:
        return unknown_parameter(arrival.query)
    if key is not None and not is_key(key):
        return problem("record-not-found")
    return Asked(Query(key=key, traceparent=_trace(arrival)))


def is_key(key: str | None) -> bool:
    """Whether a path segment can be a record's key at all."""
    return bool(key) and len(key or "") <= KEY_CHARACTERS_MAX and key not in {".", ".."} and (key or "").isprintable()


def parameters(query: bytes) -> dict[str, str] | None:
    """Query parameters; None when they are no UTF-8, too many, or one is given twice."""
    try:
        text = query.decode("ascii")
        if not text:
            return {}
        if "%" not in text and "+" not in text and "&" not in text:  # nearly every query
            name, _, value = text.partition("=")
            return {name: value}
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except ValueError:
        return None
    given = dict(pairs)
    return given if len(given) == len(pairs) else None


def unknown_parameter(query: bytes) -> Outcome:
    """A parameter that is not known, or a token where it must never be."""
    given = parameters(query)
    return problem("token-in-query" if given and "access_token" in given else "invalid-parameter")


def _limit(text: str | None, default: int, maximum: int, media: Media) -> int | None:
    """Records in a page; of an export, in all: as many as there are when nothing is said."""
    if text is None:
        return default if media == "json" else EXPORT_MAX
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return int(text) if 1 <= int(text) <= (maximum if media == "json" else EXPORT_MAX) else None


def _selected(plan: Plan, given: dict[str, str]) -> tuple[Condition | None, tuple[Order, ...], bytes] | Outcome:
    """The caller's filter and order, and what they add to the place of a cursor."""
    if given.keys() <= _OURS and "sort" not in given:
        return None, (), b""
    if "access_token" in given:
        return problem("token-in-query")
    conditions = []
    filters = sorted(given.keys() - _OURS)
    for name in filters:
        condition = filter_of(plan.offer.clear, name, given[name])
        if condition is None:
            return problem("invalid-filter")
        conditions.append(condition)
    order: tuple[Order, ...] = ()
    if "sort" in given:
        found = order_of(plan.offer.clear, given["sort"]) if plan.sorts else None
        if found is None:
            return problem("invalid-sort")
        order = found
    said = "\n".join([*(f"{name}={given[name]}" for name in filters), f"sort={given.get('sort', '')}"])
    where = conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions)) if conditions else None
    return where, order, hashlib.sha256(said.encode()).digest()


def _narrowed(plan: Plan, text: str | None) -> tuple[tuple[str, ...] | None, Narrow | None] | Outcome:
    """`fields`: a subset of what the view grants, never anything else."""
    if text is None:
        return None, None
    names = tuple(text.split(","))
    narrow = narrow_to(plan.view.record, names)
    return problem("invalid-fields") if narrow is None else (names, narrow)


def _trace(arrival: Arrival) -> str | None:
    return arrival.traceparent.decode("latin-1") if arrival.traceparent else None
