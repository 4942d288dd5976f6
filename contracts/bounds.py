"""What clauses bound, as a plan states it: records in a page, and the RateLimit-Policy field."""

from collections.abc import Sequence

from policies.clause import PageSize
from policies.kinds.page_size import WITHOUT_CLAUSE
from policies.limit import Limit
from policies.reference import ClauseRef


def page_limit_of(sizes: Sequence[PageSize]) -> tuple[tuple[int, int], ClauseRef | None]:
    """(default, maximum) records in a page, and the clause that says the maximum: of several the most restrictive."""
    if not sizes:
        return WITHOUT_CLAUSE, None
    smallest = min(sizes, key=lambda size: size.maximum)
    return (min(smallest.maximum, *(size.default for size in sizes)), smallest.maximum), smallest.clause


def policy_header(limits: Sequence[Limit]) -> tuple[tuple[bytes, bytes], ...]:
    """RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers): every limit that binds the caller."""
    policy = ", ".join(f'"{limit.clause.id}";{limit.policy}' for limit in limits if limit.enforce == "refuse")
    return ((b"ratelimit-policy", policy.encode()),) if policy else ()
