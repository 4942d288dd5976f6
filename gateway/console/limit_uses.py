"""How much of each limit is used, as an agreement's screen shows it: which counters to ask for, and what they say."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import TypeAlias

from msgspec import Struct

from contracts.plan import Plan
from gateway.console.figures import Bar, bar, span
from gateway.console.language import Catalogue
from gateway.limits.charging import counter
from policies.limit import Charge, InFlight, Limit, Quota, Rate, Standing
from policies.wording import duration

_SECOND_NS = 1_000_000_000

LimitsOf: TypeAlias = Callable[[Plan, int], Iterable[Limit]]
"""A plan's limits at a time (Unix microseconds), with what is granted and imposed then."""


class Counted(Struct, frozen=True):
    """One counter behind a limit. `of` is the client or the operation that it counts, "" for the whole partner.

    `key` None: it counts each client by itself, and none has called.
    """

    limit: Limit
    key: str | None
    of: str


class LimitUse(Struct, frozen=True):
    """How much of a limit is used now, in words. `of` says whose; without a `bar` it is only said what the limit is."""

    of: str
    text: str
    renewal: str
    bar: Bar | None


def counted(plans: Iterable[Plan], limits_of: LimitsOf, clients: Iterable[str], time_us: int) -> list[Counted]:
    """The counters of all limits of some plans, each once: one may be behind several plans."""
    clients = sorted(clients)
    found: dict[tuple[str, str], list[Counted]] = {}
    for plan in plans:
        for limit in limits_of(plan, time_us):
            found.setdefault((limit.clause.id, limit.key), _counters(limit, plan, clients))
    return [one for several in found.values() for one in several]


def charges(counters: Iterable[Counted]) -> list[Charge]:
    """What to ask the limiter for."""
    return [Charge(one.key, one.limit, 0) for one in counters if one.key is not None]


def limit_use(one: Counted, standings: Mapping[str, Standing], t: Catalogue) -> LimitUse:
    """One counter as its standing says; one that has none (the counters cannot be reached) with its limit alone."""
    limit = one.limit
    standing = None if one.key is None else standings.get(one.key)
    of = one.of or t("limit.per_client" if limit.per == "client" else "limit.per_partner")
    kind, words = _words(limit, t)
    if standing is None:
        return LimitUse(of, t(f"limit.{kind}_only", limit=f"{limit.limit:,}", **words), "", None)
    used = max(0, limit.limit - standing.remaining)
    text = t(f"limit.{kind}_used", used=f"{used:,}", limit=f"{limit.limit:,}", **words)
    renewal = ""
    if isinstance(limit, Quota) and used:
        renewal = t("limit.renewal", time=span(-(-standing.reset_ns // _SECOND_NS), t))
    return LimitUse(of, text, renewal, bar(Fraction(used, max(1, limit.limit)), text))


def _counters(limit: Limit, plan: Plan, clients: list[str]) -> list[Counted]:
    if limit.per == "client":
        return [Counted(limit, counter(limit, client), client) for client in clients] or [Counted(limit, None, "")]
    of = "" if limit.per == "partner" else f"{plan.resource} · {plan.operation}"
    return [Counted(limit, limit.key, of)]


def _words(limit: Limit, t: Catalogue) -> tuple[str, dict[str, str]]:
    """Which sentence, and what goes into it besides the figures."""
    if isinstance(limit, Quota):
        words = {"period": f"limit.period_{limit.period}", "this": f"limit.this_{limit.period}"}
        return "quota", {name: t(key) for name, key in {"unit": f"limit.unit_{limit.unit}", **words}.items()}
    if isinstance(limit, InFlight):
        return "flight", {}
    assert isinstance(limit, Rate)  # noqa: S101 - these are all there are
    return "rate", {"window": duration(timedelta(microseconds=limit.window_ns // 1_000))[t.language]}
