"""What of the notices and suspensions a serving gateway acts on: headers of deprecated products, refused agreements."""

from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import TypeAlias

from msgspec import Struct

from contracts.notice import Deprecation
from contracts.plan import Contract, Plans
from gateway.notices.facts import notice_facts
from gateway.notices.known import Announced, Known, Side, Suspended
from gateway.notices.windows import joined, unix_us
from policies.kinds.interruption import InterruptionClause
from policies.reference import ClauseRef

Header: TypeAlias = tuple[bytes, bytes]
_SECOND_US = 1_000_000


class Deprecated(Struct, frozen=True, gc=False):
    """What answers of one product and version carry from `from_us` on, under `agreements`, empty for all."""

    from_us: int
    agreements: frozenset[str]
    headers: tuple[Header, ...]


class InForce:
    """What was adopted last; read on every request, replaced as a whole."""

    __slots__ = ("_deprecated", "_notices", "_suspended")

    def __init__(self) -> None:
        self._notices: tuple[Announced, ...] = ()
        self._deprecated: dict[tuple[str, str], tuple[Deprecated, ...]] = {}
        self._suspended: dict[str, Side] = {}

    def adopt(self, notices: Iterable[Announced], suspensions: Iterable[Suspended]) -> None:
        """Take over what was announced and which suspensions there are; those that ended are let pass."""
        suspended: dict[str, Side] = {}
        for each in suspensions:
            if each.ended_us is None:
                suspended.setdefault(each.agreement, each.by)
        self._notices = tuple(notices)
        self._deprecated, self._suspended = deprecated_products(self._notices), suspended

    def headers(self, product: str, version: str, agreement: str, time_us: int) -> tuple[Header, ...]:
        """Deprecation, Sunset and Link of an answer; mostly none."""
        if not self._deprecated:
            return ()
        for each in self._deprecated.get((product, version), ()):
            if time_us >= each.from_us and (not each.agreements or agreement in each.agreements):
                return each.headers
        return ()

    def is_deprecated(self, product: str, version: str, agreement: str, time_us: int) -> bool:
        """Whether OpenAPI says `deprecated: true` of the product's operations."""
        return bool(self.headers(product, version, agreement, time_us))

    def excluding(self, plans: Callable[[], Plans]) -> Callable[[Contract, str, int, int], list[tuple[int, int]]]:
        """What gives the announced spans that a clause of a contract, by its number, leaves out between two moments."""

        def spans(contract: Contract, clause: str, from_us: int, until_us: int) -> list[tuple[int, int]]:
            promised = next((each for each in contract.promises if each.ref.id == clause), None)
            if promised is None or not self._notices:
                return []
            found = notice_facts(Known(self._notices), contract, plans()).windows(promised.clause, (from_us, until_us))
            return joined((window.from_us, window.until_us) for window in found)

        return spans

    def suspended(self, contract: Contract) -> ClauseRef | None:
        """The clause to name where the collaboration is suspended, None where it goes on."""
        by = self._suspended.get(contract.agreement)
        return None if by is None else suspending_clause(contract, by)


def suspending_clause(contract: Contract, by: Side) -> ClauseRef:
    """The interruption clause of the side that suspends; without one, what says when the agreement is in force."""
    for promised in contract.promises:
        if isinstance(promised.clause, InterruptionClause) and promised.clause.owed_by == by:
            return promised.ref
    return contract.effective_clause


def deprecated_products(notices: Iterable[Announced]) -> dict[tuple[str, str], tuple[Deprecated, ...]]:
    """What is deprecated and not withdrawn, by product and version; of several notices the latest stands first, and
    those for named agreements before those for all."""
    found: dict[tuple[str, str], list[tuple[bool, int, Deprecated]]] = {}
    for each in notices:
        notice = each.notice
        if not isinstance(notice, Deprecation) or each.withdrawn_us is not None:
            continue
        from_us = max(unix_us(notice.moment(notice.deprecated)), each.announced_us)
        entry = Deprecated(from_us, frozenset(notice.agreements), headers_of(notice))
        rank = (not notice.agreements, -each.announced_us, entry)
        found.setdefault((notice.product, notice.version), []).append(rank)
    return {
        name: tuple(entry for _, _, entry in sorted(ranked, key=lambda rank: rank[:2]))
        for name, ranked in found.items()
    }


def headers_of(notice: Deprecation) -> tuple[Header, ...]:
    """Deprecation as RFC 9745 section 2 (a date of RFC 9651), Sunset as RFC 8594 section 3 (an HTTP date), and Link."""
    deprecated_s = unix_us(notice.moment(notice.deprecated)) // _SECOND_US
    sunset_s = unix_us(notice.moment(notice.sunset)) // _SECOND_US
    headers: list[Header] = [
        (b"deprecation", b"@%d" % deprecated_s),
        (b"sunset", formatdate(sunset_s, usegmt=True).encode()),
    ]
    links = []
    if notice.link is not None:
        links += [f'<{notice.link}>; rel="{relation}"; type="text/html"' for relation in ("deprecation", "sunset")]
    if notice.successor is not None:
        links.append(f'<{notice.successor}>; rel="successor-version"')
    return tuple(headers) + (((b"link", ", ".join(links).encode()),) if links else ())


def in_force(known: Known) -> InForce:
    """The same from everything that is known."""
    found = InForce()
    found.adopt(known.notices, known.suspensions)
    return found
