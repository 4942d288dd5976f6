"""call: ask the backend. The adapter's Answer or Fault becomes an Answer to shape, or the end."""

from collections.abc import Mapping

from msgspec.structs import replace

from adapters.base import Adapter, Answer, Fault, Query
from contracts.plan import Plan
from gateway.exchange.outcome import Outcome, problem

FAULTS: Mapping[str, str] = {
    "unreachable": "backend-unreachable",
    "timeout": "backend-timeout",
    "too_large": "backend-invalid",
    "protocol": "backend-invalid",
}
"""The problem code for each kind of Fault."""


async def call(adapter: Adapter, plan: Plan, query: Query) -> Answer | Outcome:
    """A 200 with a JSON body, or how the exchange ends: 404 for a record that is not there, else 502 or 504.

    Where the gateway decides about rows it filters as well: a backend would filter all rows, and how its pages then
    come would tell what is in those that are not the caller's.
    """
    if query.where is not None and plan.keeps is not None:
        query = replace(query, where=None)
    answer = await adapter.answer(plan.call, query)
    if isinstance(answer, Fault):
        return problem(FAULTS[answer.kind])
    if answer.status == 200:
        return answer if is_json(answer.content_type) else problem("backend-invalid")
    if answer.status == 404 and plan.operation == "get":
        return problem("record-not-found")
    return problem("backend-error")


def is_json(content_type: str) -> bool:
    """application/json or a +json type, in UTF-8 (RFC 8259 section 8.1)."""
    media_type, _, parameters = content_type.lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"') if "charset=" in parameters else "utf-8"
    media_type = media_type.strip()
    return (media_type == "application/json" or media_type.endswith("+json")) and charset in {"utf-8", "utf8"}
