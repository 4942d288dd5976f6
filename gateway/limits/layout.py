"""How counters lie in the shared store, how charges are written for its scripts, and how their answers are read.

All keys of an agreement have the hash tag `{<agreement>}`: a cluster keeps them in one place. Each has an expiry.
`clausegate:{a}:r:<key>` a rate's state, `...:c:<key>` its calls as a list of `microseconds:amount`, `...:q:<key>` a
quota's period and what is used in it, `...:m:<key>` a set of the handles of people, `...:f:<key>` exchanges in flight
by the time until which they count, `...:epoch` and `...:waiting` as epoch.lua says.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from policies.calendar_window import window_of
from policies.limit import Charge, Decision, InFlight, Limit, Moment, Quota, Rate, Standing
from policies.seed import QuotaSeed, RateSeed, Seed

PREFIX: Final = "clausegate:"
CALLS_MAX: Final = 1000
"""Calls of a rate that are put back one by one; of more, neighbours are put together, at the latest time of them."""
_NUMBERS: Final = 5
_UNBOUNDED: Final = 2**53 - 1


class Stood(Struct, frozen=True, gc=False):
    """A counter as the store last said: of a rate (used, us to more, latest us, arrival us), of a quota (used, start
    s, end s, 0), of exchanges in flight (count, us to more, 0, 0)."""

    used: int
    second: int
    third: int
    fourth: int
    fits: bool


class Answer(Struct, frozen=True, gc=False):
    """What decide.lua answered. `bound`: the number of the charge that refused, from 1; 0: none. `flags`: for each
    charge with members, which of them were counted before."""

    now_us: int
    bound: int
    wait_us: int
    flags: tuple[bytes, ...]
    stood: tuple[Stood, ...]


def agreement_of(key: str) -> str:
    """The agreement that a counter belongs to, from the beginning of its key."""
    return key.partition("/")[0]


def epoch_keys(agreement: str) -> tuple[str, str]:
    """The keys of epoch.lua."""
    tag = f"{PREFIX}{{{agreement}}}:"
    return tag + "epoch", tag + "waiting"


def charge_keys(agreement: str, charges: Iterable[Charge]) -> list[str]:
    """KEYS of decide.lua."""
    tag = f"{PREFIX}{{{agreement}}}:"
    keys = [tag + "epoch"]
    for charge in charges:
        keys += _pair(tag, _kind(charge.limit), charge.key)
    return keys


def charge_arguments(charges: Iterable[Charge], time_us: int) -> list[Any]:
    """ARGV of decide.lua, from the first charge on."""
    arguments: list[Any] = []
    for charge in charges:
        limit, amount = charge.limit, max(0, charge.amount)
        arguments += (_kind(limit), int(limit.enforce == "observe"), _most(charge), amount)
        if isinstance(limit, Rate):
            window_us = -(-limit.window_ns // 1000)
            arguments.append(window_us)
            arguments += divmod(amount * window_us, limit.limit)
            arguments += divmod((limit.burst - amount) * window_us, limit.limit)
        elif isinstance(limit, Quota):
            arguments += window_of(limit.period, limit.zone, time_us)
            arguments.append(len(charge.members))
            arguments += sorted(charge.members)
        elif isinstance(limit, InFlight):
            arguments.append(limit.hold_s * 1_000_000)
    return arguments


def _most(charge: Charge) -> int:
    """How much there may be. Of people, as long as nobody is named: whoever is counted already costs nothing."""
    limit = charge.limit
    named = charge.amount > 0 or charge.members
    return _UNBOUNDED if isinstance(limit, Quota) and limit.unit == "subjects" and not named else limit.limit


def seed_keys(agreement: str, seeds: Iterable[Seed]) -> list[str]:
    """KEYS of restore.lua."""
    tag = f"{PREFIX}{{{agreement}}}:"
    keys = [tag + "epoch"]
    for seed in seeds:
        kind = "R" if isinstance(seed, RateSeed) else "Q" if isinstance(seed, QuotaSeed) else "F"
        keys += _pair(tag, kind, seed.key)
    return keys


def seed_arguments(seeds: Iterable[Seed], soft: bool) -> list[Any]:
    """ARGV of restore.lua, from the first seed on. `soft`: calls that are there already stand alone."""
    arguments: list[Any] = []
    for seed in seeds:
        if isinstance(seed, RateSeed):
            calls = _fewer(seed.calls)
            arguments += ("R", seed.arrival_us, int(soft), len(calls))
            for call in calls:
                arguments += call
        elif isinstance(seed, QuotaSeed):
            arguments += ("Q", seed.start_s, seed.end_s, seed.used, len(seed.members), *sorted(seed.members))
        else:
            arguments += ("F", len(seed.holds))
            for hold in seed.holds:
                arguments += hold
    return arguments


def read_answer(reply: Sequence[Any], charges: Sequence[Charge]) -> Answer:
    """The reply of decide.lua that begins with 'ok'."""
    flagged = 4 + sum(1 for charge in charges if charge.members and isinstance(charge.limit, Quota))
    stood = []
    for start in range(flagged, flagged + _NUMBERS * len(charges), _NUMBERS):
        used, second, third, fourth, fits = map(int, reply[start : start + _NUMBERS])
        stood.append(Stood(used, second, third, fourth, bool(fits)))
    return Answer(int(reply[1]), int(reply[2]), int(reply[3]), tuple(reply[4:flagged]), tuple(stood))


def decision_of(answer: Answer, charges: Sequence[Charge], at: Moment) -> Decision:
    """What an answer means."""
    refused = answer.bound > 0
    return Decision(
        standings_of(answer, charges, at, refused),
        charges[answer.bound - 1].limit if refused else None,
        answer.wait_us * 1000,
        tuple(
            charge.limit
            for charge, stood in zip(charges, answer.stood, strict=True)
            if not stood.fits and charge.limit.enforce == "observe"
        ),
    )


def standings_of(answer: Answer, charges: Sequence[Charge], at: Moment, known: bool) -> tuple[Standing, ...]:
    """How limits stand, in the order of the charges; with `known`, who of a charge's people is counted already."""
    found, flags = [], iter(answer.flags)
    for charge, stood in zip(charges, answer.stood, strict=True):
        limit = charge.limit
        people: frozenset[bytes] = frozenset()
        if charge.members and isinstance(limit, Quota):
            counted = next(flags)
            if known:
                people = frozenset(one for one, flag in zip(sorted(charge.members), counted, strict=True) if flag == 49)
        reset_us = stood.second
        if isinstance(limit, Quota):
            reset_us = max(0, stood.third * 1_000_000 - at.time_us) if stood.used else 0
        found.append(Standing(limit, max(0, limit.limit - stood.used), reset_us * 1000, people))
    return tuple(found)


def _kind(limit: Limit) -> str:
    return "R" if isinstance(limit, Rate) else "Q" if isinstance(limit, Quota) else "F"


def _pair(tag: str, kind: str, key: str) -> tuple[str, str]:
    if kind == "R":
        return f"{tag}r:{key}", f"{tag}c:{key}"
    if kind == "Q":
        return f"{tag}q:{key}", f"{tag}m:{key}"
    return f"{tag}f:{key}", f"{tag}f:{key}"


def _fewer(calls: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    size = -(-len(calls) // CALLS_MAX)
    if size <= 1:
        return calls
    groups = [calls[start : start + size] for start in range(0, len(calls), size)]
    return [(group[-1][0], sum(cost for _, cost in group)) for group in groups]
