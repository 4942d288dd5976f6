"""What is granted, imposed and found, between the state store and a gateway that serves: read again and again, adopted,
and put on the log where it is not there yet. Every worker does all of it; of what must be recorded, one does each.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import msgspec
import rfc8785
import structlog

from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.limits.charging import Allowance, Charging, Measure
from gateway.limits.events import detail_of, ended_subject, finding_subject
from gateway.repeating import repeat
from gateway.scraping.finding import Finding
from gateway.store.allowances import Allowances, GrantedAllowance
from gateway.store.findings import Findings, ImposedMeasure, KeptFinding, Measures
from gateway.store.store import Store

INTERVAL_S = 1.0
"""So often the store is read: what is granted or imposed is in force in every worker within two of these."""
_WAITING_MAX = 1000
"""Findings that wait for the store: as many as there can be in a day, and then some."""

_log = structlog.get_logger(__name__)


class Adopting:
    """Keeps a worker's Charging as the state store says. Belongs to one event loop.

    While the store cannot be read, what was adopted last stays: allowances and measures end by themselves.
    """

    def __init__(
        self,
        store: Store,
        writer: Writer,
        charging: Charging,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._allowances, self._measures, self._findings = Allowances(store), Measures(store), Findings(store)
        self._writer, self._charging, self._now_us = writer, charging, now_us
        self._adopted: tuple[tuple[Allowance, ...], tuple[Measure, ...]] = ((), ())
        self._waiting: dict[str, KeptFinding] = {}

    def keep(self, finding: Finding) -> None:
        """Take a finding, or later evidence for one. It is stored, and put on the log once, with the next step."""
        kept = kept_finding(finding, self._now_us())
        if kept.id in self._waiting or len(self._waiting) < _WAITING_MAX:
            self._waiting[kept.id] = kept
        else:
            _log.warning("a finding is lost: the state store cannot be written", finding=kept.id)

    async def adopt(self) -> None:
        """Take over what is granted and imposed now. Raises StoreError."""
        self._adopt(await self._allowances.unended(), await self._measures.unended())

    async def step(self) -> None:
        """Take over what is granted and imposed now, and record what has ended or was found.

        Raises StoreError, and AuthorityError where the log cannot be written.
        """
        granted, imposed = await self._allowances.unended(), await self._measures.unended()
        self._adopt(granted, imposed)
        await self._store_waiting()
        now_us = self._now_us()
        for allowance in granted:
            if now_us >= allowance.until_us:
                await self._expire(self._allowances, "allowance-ended", allowance)
        for measure in imposed:
            if now_us >= measure.until_us:
                await self._expire(self._measures, "measure-lifted", measure)
        for finding in await self._findings.unreported():
            await self._report(finding)

    async def follow(self, interval_s: float = INTERVAL_S) -> NoReturn:
        """Step again and again, until cancelled. A fault is said once, and again when it is over."""
        await repeat(
            self.step,
            interval_s,
            fails="allowances and measures cannot be kept up to date",
            again="allowances and measures are being read again",
        )

    def _adopt(self, granted: Iterable[GrantedAllowance], imposed: Iterable[ImposedMeasure]) -> None:
        found = (allowances_of(granted), measures_of(imposed))
        if found != self._adopted:  # every adoption makes all plans' charges anew
            self._charging.adopt(*found)
            self._adopted = found

    async def _store_waiting(self) -> None:
        for finding in list(self._waiting.values()):
            await self._findings.keep(finding)
            if self._waiting.get(finding.id) is finding:
                del self._waiting[finding.id]

    async def _expire(
        self, kept: Allowances | Measures, event: Event, ended: GrantedAllowance | ImposedMeasure
    ) -> None:
        if not await kept.claim_end(ended.id, self._now_us()):
            return
        try:
            await record(self._writer, event, ended_subject(ended, "expired"), partner=ended.partner)
        except AuthorityError:
            await kept.disclaim(ended.id)
            raise
        await kept.end(ended.id, self._now_us())

    async def _report(self, finding: KeptFinding) -> None:
        if not await self._findings.claim_report(finding.id, self._now_us()):
            return
        detail = detail_of(msgspec.json.decode(finding.json))
        try:
            subject = finding_subject(finding)
            await record(self._writer, "finding-reported", subject, partner=finding.partner, detail=detail)
        except AuthorityError:
            await self._findings.disclaim(finding.id)
            raise
        await self._findings.report(finding.id, finding.json)


def kept_finding(finding: Finding, now_us: int) -> KeptFinding:
    """A finding in the form in which it is kept: its text is canonical JSON (RFC 8785)."""
    said: Mapping[str, Any] = msgspec.to_builtins(finding)
    return KeptFinding(
        id=finding.id,
        partner=finding.partner,
        agreement=finding.agreement,
        resource=finding.resource,
        detector=finding.detector,
        json=rfc8785.dumps(dict(said)).decode(),
        updated_us=now_us,
    )


def allowances_of(granted: Iterable[GrantedAllowance]) -> tuple[Allowance, ...]:
    """What limits are raised by; those that have run out do no harm."""
    return tuple(Allowance(each.agreement, each.clause, each.extra, each.until_us) for each in granted)


def measures_of(imposed: Iterable[ImposedMeasure]) -> tuple[Measure, ...]:
    """What binds beside the limits; those that have run out do no harm."""
    return tuple(Measure(each.agreement, each.clause, each.product, each.until_us) for each in imposed)
