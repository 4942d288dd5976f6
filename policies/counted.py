"""What the counted clause kinds have in common: what has a counter of its own, what a call weighs, what an outage
does, and whether a clause refuses or only watches."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Meta

from policies.clause import Binding
from policies.direction import NEITHER, Directions, falling, ranked, rising, unordered
from policies.limit import OnOutage, Per
from policies.reference import Enforce, Words
from policies.wording import joined

OperationName: TypeAlias = Literal["list", "get", "create", "update", "delete"]
Weights: TypeAlias = dict[OperationName, Annotated[int, Meta(ge=1)]]
"""What one call of an operation counts; of one that is not named, 1."""
OPERATIONS: tuple[OperationName, ...] = get_args(OperationName)

_PER: Mapping[Per, Words] = {
    "partner": {"zh": "合作方", "en": "partner"},
    "client": {"zh": "客户端", "en": "client"},
    "operation": {"zh": "接口操作", "en": "operation"},
}
_ON_OUTAGE: Mapping[OnOutage, Words] = {
    "refuse": {"zh": "拒绝调用", "en": "refused"},
    "allow": {"zh": "放行调用", "en": "allowed"},
    "local": {"zh": "按本机份额计数", "en": "counted by each gateway on its own share"},
}
_ENFORCE: Mapping[Enforce, Words] = {
    "refuse": {"zh": "予以拒绝", "en": "refused"},
    "observe": {"zh": "仅予记录，不予拒绝", "en": "recorded and not refused"},
}

ON_OUTAGE = ranked("refuse", "local", "allow")
"""Which way `on_outage` counts for the partner."""
ENFORCE = ranked("refuse", "observe")
"""Which way `enforce` counts for the partner."""


def counters(old: Per, new: Per) -> Directions:
    """Several counters admit more calls than the partner's one; of the kinds of several none always admits more."""
    return rising(old != "partner", new != "partner") if "partner" in (old, new) else unordered(old, new)


def weighing(old: Weights, new: Weights) -> Directions:
    """A call that weighs more leaves fewer of them."""
    found = NEITHER
    for operation in OPERATIONS:
        found |= falling(old.get(operation, 1), new.get(operation, 1))
    return found


def counted_words(per: Per, on_outage: OnOutage, enforce: Enforce) -> dict[str, Words]:
    """The parameters that every counted kind has."""
    return {"per": _PER[per], "on_outage": _ON_OUTAGE[on_outage], "enforce": enforce_words(enforce)}


def enforce_words(enforce: Enforce) -> Words:
    """What happens to a call that a clause does not admit."""
    return _ENFORCE[enforce]


def weights_words(weights: Weights) -> Words:
    """What calls weigh, operation by operation."""
    if not weights:
        return {"zh": "每次调用计 1 次", "en": "each call counts 1"}
    named: list[Words] = [
        {"zh": f"{name} 计 {weight} 次", "en": f"{name} counts {weight}"} for name, weight in weights.items()
    ]
    if len(weights) < len(OPERATIONS):
        named.append({"zh": "其余计 1 次", "en": "any other 1"})
    return joined(named)


def weight_faults(weights: Weights, most: int, bound: str) -> list[tuple[str, str]]:
    """A call that weighs more than `most`, the clause's `bound`, could never pass."""
    return [
        ("weights", f"a {name} that counts {weight} can never happen under a {bound} of {most}")
        for name, weight in weights.items()
        if weight > most
    ]


def unsaid(**optional: object) -> frozenset[str]:
    """Of parameters with a default, those that have it: sentences that do not speak of them are whole without."""
    return frozenset(name for name, value in optional.items() if not value or value == "refuse")


def weigh(weights: Weights, operation: str) -> int:
    """What one call of this operation counts."""
    return next((weight for name, weight in weights.items() if name == operation), 1)


def counter_key(binding: Binding, per: Per) -> str:
    """Names the counter: the agreement first, by which a shared store keeps a partner's counters in one place."""
    key = f"{binding.clause.agreement}/{binding.clause.id}"
    return f"{key}/{binding.product}/{binding.operation}" if per == "operation" else key
