"""A notice: what is announced beside the contract: maintenance, force majeure, a deprecation, a change."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct, field

from contracts.decode import Unions, decode
from contracts.finding import Finding, KeyPath, in_order
from contracts.recurring import occurrences, rule_fault
from contracts.source import Source, scan_source
from contracts.workspace import Loaded
from policies.library import Name
from policies.promise import OwedBy
from policies.reference import LANGUAGES, Language

WallTime = Annotated[str, Meta(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?\Z")]
"""A date, which is its midnight, or a date and a minute, as clocks in the notice's zone show it."""
Link = Annotated[str, Meta(pattern=r"^https://[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]{1,500}\Z", max_length=512)]
"""An https URL of ASCII characters that may stand in a header between angle brackets."""
Names = Annotated[tuple[Name, ...], Meta(max_length=1000)]
ProductName = Annotated[str, Meta(min_length=1, max_length=256)]

WORDS_CHARACTERS_MAX = 4000
DURATION_MAX = timedelta(days=31)
SPREAD_MAX = timedelta(days=5 * 366)
"""From the beginning of a notice to its end: what holds for longer belongs into the agreement."""


class Notice(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """What every notice says. `agreements` and `products` are whom it concerns; without both, everybody."""

    notice: Name
    """Its name, which is never used for another."""
    time_zone: str
    """In which zone its times are, an IANA name."""
    words: dict[Language, str]
    """What partners are told, in each language."""
    by: OwedBy = "hub"
    """Whose maintenance, force majeure or change it is; what a partner announces the hub publishes for it."""
    agreements: Names = ()
    """Names of the agreements that it concerns."""
    products: Annotated[tuple[ProductName, ...], Meta(max_length=1000)] = ()
    """Names of the products that it concerns."""

    def moment(self, wall: str) -> datetime:
        """A time of this notice, in UTC. Of a minute that clocks show twice it is the first; one that they skip is what
        it would have been (RFC 5545 section 3.3.5).

        Raises ValueError and zoneinfo.ZoneInfoNotFoundError; `faults` finds both before.
        """
        return _moment(datetime.fromisoformat(wall), ZoneInfo(self.time_zone))

    def spans(self) -> Iterator[tuple[datetime, datetime]]:
        """The times that may be left out of a promise, each from a moment to another (exclusive), in order, in UTC."""
        yield from ()

    def effective(self) -> datetime:
        """When what it announces begins, in UTC: what has to be announced early enough before."""
        raise NotImplementedError

    def times(self) -> Mapping[str, str]:
        """Its times as they are written, by key."""
        return {}

    def faults(self) -> list[tuple[str, str, str]]:
        """What no type can say: (code, key, what is wrong)."""
        if self.by == "partner" and not self.agreements:
            return [("contradiction", "by", "what a partner announces names its agreements")]
        return []


class Maintenance(Notice, frozen=True, forbid_unknown_fields=True, tag="maintenance", kw_only=True):
    """The interface may be down at announced times: once, or again and again by a recurrence rule."""

    from_: WallTime = field(name="from")
    """When it begins; of a rule, the time of day of each, and the day from which it counts."""
    duration: timedelta
    """How long it lasts each time, `PT1M` to `P31D`, whole minutes as they pass."""
    rrule: str = ""
    """When it happens again, a rule of RFC 5545 such as `FREQ=MONTHLY;BYDAY=1SU`."""
    until: WallTime | None = None
    """Of a rule: none begins at this time or later."""

    def spans(self) -> Iterator[tuple[datetime, datetime]]:
        yield from _repeated(self.time_zone, self.from_, self.duration, self.rrule, self.until or self.from_)

    def effective(self) -> datetime:
        return self.moment(self.from_)

    def times(self) -> Mapping[str, str]:
        return {"from": self.from_, **({"until": self.until} if self.until is not None else {})}

    def faults(self) -> list[tuple[str, str, str]]:
        found = super().faults()
        if not timedelta(minutes=1) <= self.duration <= DURATION_MAX or self.duration % timedelta(minutes=1):
            found.append(("bad-value", "duration", "maintenance lasts whole minutes, between PT1M and P31D"))
        if bool(self.rrule) != (self.until is not None):
            found.append(("contradiction", "rrule", "a rule needs an end, and an end a rule: give rrule and until"))
        elif self.until is not None:
            order = _order("from", self.from_, "until", self.until)
            found += order
            if not order and (fault := self._rule_fault(self.until)):
                found.append(("bad-value", "rrule", fault))
        return found

    def _rule_fault(self, until: str) -> str:
        return rule_fault(self.rrule, datetime.fromisoformat(self.from_), datetime.fromisoformat(until))


class ForceMajeure(Notice, frozen=True, forbid_unknown_fields=True, tag="force_majeure", kw_only=True):
    """Something beyond control kept a side from its duties for a time; usually told after it began."""

    from_: WallTime = field(name="from")
    """When it began."""
    to: WallTime
    """When it ended, that minute not included."""

    def spans(self) -> Iterator[tuple[datetime, datetime]]:
        yield self.moment(self.from_), self.moment(self.to)

    def effective(self) -> datetime:
        return self.moment(self.from_)

    def times(self) -> Mapping[str, str]:
        return {"from": self.from_, "to": self.to}

    def faults(self) -> list[tuple[str, str, str]]:
        return [*super().faults(), *_order("from", self.from_, "to", self.to)]


class Deprecation(Notice, frozen=True, forbid_unknown_fields=True, tag="deprecation", kw_only=True):
    """A version of a product should not be used any more, and will be taken away.

    From `deprecated` on every answer of it carries the headers Deprecation (RFC 9745), Sunset (RFC 8594) and Link.
    """

    product: ProductName
    """The product."""
    version: Annotated[str, Meta(min_length=1, max_length=64)]
    """Its version."""
    deprecated: WallTime
    """From when on it should not be used any more."""
    sunset: WallTime
    """From when on it may be gone."""
    link: Link | None = None
    """A page about it: Link with rel="deprecation" and rel="sunset"."""
    successor: Link | None = None
    """What to use instead: Link with rel="successor-version"."""

    def effective(self) -> datetime:
        return self.moment(self.sunset)

    def times(self) -> Mapping[str, str]:
        return {"deprecated": self.deprecated, "sunset": self.sunset}

    def faults(self) -> list[tuple[str, str, str]]:
        found = _order("deprecated", self.deprecated, "sunset", self.sunset)
        if self.products:
            message = "a deprecation is about one version of one product: leave products out"
            found.append(("contradiction", "products", message))
        if self.by == "partner":
            found.append(("contradiction", "by", "products are the hub's: a partner announces a change"))
        return found


class Change(Notice, frozen=True, forbid_unknown_fields=True, tag="change", kw_only=True):
    """A product, a policy or an agreement changes at a time; the words say how."""

    takes_effect: WallTime = field(name="effective")
    """When it takes effect."""
    policies: Names = ()
    """Names of the policies that change."""

    def effective(self) -> datetime:
        return self.moment(self.takes_effect)

    def times(self) -> Mapping[str, str]:
        return {"effective": self.takes_effect}


AnyNotice: TypeAlias = Maintenance | ForceMajeure | Deprecation | Change
KINDS: Mapping[str, type[Notice]] = {
    str(kind.__struct_config__.tag): kind for kind in (Maintenance, ForceMajeure, Deprecation, Change)
}
UNIONS: Unions = {Notice: KINDS}


def kind_of(notice: Notice) -> str:
    """`maintenance`, `force_majeure`, `deprecation` or `change`."""
    return str(notice.__struct_config__.tag)


def decode_notice(data: bytes, file: str) -> Loaded[Notice] | list[Finding]:
    """The notice in a YAML file, or every mistake of it with file and line."""
    source, findings = scan_source(data, file)
    if source is None:
        return findings
    value = decode(source, Notice, UNIONS)
    if isinstance(value, list):
        return in_order([*findings, *value])
    found = in_order([*findings, *_meaning(value, source)])
    return found or Loaded(value, source)


@lru_cache(maxsize=256)
def _repeated(
    zone_name: str, first: str, duration: timedelta, rule: str, until: str
) -> tuple[tuple[datetime, datetime], ...]:
    """Every time of maintenance; kept, for each agreement asks for the same."""
    begins, zone = [datetime.fromisoformat(first)], ZoneInfo(zone_name)
    if rule:
        begins = occurrences(rule, begins[0], datetime.fromisoformat(until))
    return tuple((at, at + duration) for at in (_moment(wall, zone) for wall in begins))


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _meaning(notice: Notice, source: Source) -> list[Finding]:
    found = [
        source.finding("text-missing", f"there is no text in {language}", ("words", language))
        for language in LANGUAGES
        if not notice.words.get(language, "").strip()
    ]
    found += [
        source.finding("bad-value", f"a text has at most {WORDS_CHARACTERS_MAX} characters", ("words", language))
        for language, text in notice.words.items()
        if len(text) > WORDS_CHARACTERS_MAX
    ]
    try:
        ZoneInfo(notice.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{notice.time_zone} is not in the IANA time zone database"
        found.append(source.finding("unknown-time-zone", message, ("time_zone",)))
    wrong = [key for key, wall in notice.times().items() if not _is_time(wall)]
    found += [source.finding("bad-value", "there is no such date or time", (key,)) for key in wrong]
    if not found:
        found = [source.finding(code, message, _path(key)) for code, key, message in notice.faults()]
    return found


def _path(key: str) -> KeyPath:
    return (key,)


def _is_time(wall: str) -> bool:
    try:
        datetime.fromisoformat(wall)
    except ValueError:
        return False
    return True


def _order(first: str, earlier: str, second: str, later: str) -> list[tuple[str, str, str]]:
    """The second time comes after the first, and not ages after it."""
    length = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    if length <= timedelta():
        return [("dates-reversed", second, f"{second} must be later than {first}")]
    if length > SPREAD_MAX:
        message = f"{second} is more than five years after {first}: what holds for longer belongs into the agreement"
        return [("bad-value", second, message)]
    return []
