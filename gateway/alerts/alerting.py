"""Alerting: sees again and again how fast promises are used up, raises what a rule asks for, and resolves it on data.

What nothing watches any more, no data would ever resolve: that is withdrawn.

Every worker does all of it, from the counts that all of them have; of what must be recorded or told, one does each.
A change is on the log before it is in the store, and in the store before it is told: what is told twice after a crash
can be told apart by its id and state.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from secrets import token_hex
from typing import Final, NoReturn, Protocol, TypeAlias

import rfc8785
import structlog
from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.alerts.burning import Burnt, Counting, Events, firing, is_over
from gateway.alerts.rules import Alerts, Rule
from gateway.alerts.telling import (
    RULE_WITHDRAWN,
    evidence_of,
    mail_subject,
    mail_text,
    subject_of,
    webhook_data,
    withdrawn_evidence,
)
from gateway.alerts.watched import Watched, rules_for, watched_clauses
from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.store.alerts import KeptAlert, KeptAlerts
from gateway.store.faults import StoreError
from gateway.store.store import Store
from gateway.webhooks.notify import Notify
from policies.clause import Meter

INTERVAL_S: Final = 30.0
"""So often all rules are judged."""

_log = structlog.get_logger(__name__)

Mail: TypeAlias = Callable[[str, str, str], Awaitable[None]]
"""Puts a mail into the outbox: to whom, its subject, its text."""
Spans: TypeAlias = Sequence[tuple[int, int]]


class Account(Protocol):
    """What was counted under an agreement version (gateway/sla/account.py)."""

    def window(self, meter: Meter, from_us: int, until_us: int) -> tuple[int, int]:
        """(total, good) of the minutes from a moment to another."""


class Counts(Protocol):
    """What was counted (gateway/sla/tally.py)."""

    def of(self, contract: Contract) -> Account | None:
        """Under one agreement version; None if it was never known."""


class Sources(Struct, frozen=True):
    """Where an Alerting has its figures from: each asked anew at every step, for a reload changes them.

    `alerts` gives what alerts.toml says, the last that was right. `excluded` gives the spans (Unix microseconds, whole
    minutes) that a clause leaves out of what it counts, such as announced maintenance, between two moments.
    """

    plans: Callable[[], Plans]
    counts: Counts
    alerts: Callable[[], Alerts]
    excluded: Callable[[Contract, str, int, int], Spans] = lambda *_: ()


class Outlets(Struct, frozen=True):
    """Whom to tell through what: webhooks of the hub, and mail; None where there is no mail server."""

    notify: Notify
    mail: Mail | None = None


class Alerting:
    """Belongs to one event loop. While the store or the log cannot be written it tries again with the next step."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        sources: Sources,
        outlets: Outlets,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._kept, self._writer = KeptAlerts(store), writer
        self._sources, self._outlets, self._now_us = sources, outlets, now_us
        self._task: asyncio.Task[NoReturn] | None = None
        self._faulty = False
        self._unwatched: frozenset[str] = frozenset()  # alerts that no rule was about at the step before

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Watch in the background from now on."""
        self._task = asyncio.create_task(self._run(interval_s))

    async def close(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def step(self) -> None:
        """Judge every rule once, and record and tell what follows. Raises StoreError and AuthorityError."""
        now_us, open_alerts = self._now_us(), {alert.about: alert for alert in await self._kept.open()}
        plans, alerts = self._sources.plans(), self._sources.alerts()
        now_s, judged = now_us // 1_000_000, set[tuple[str, str, str]]()
        for watched in watched_clauses(plans, now_s, now_s + 1):
            counting = self._counting(watched)
            for rule in rules_for(alerts, watched):
                about = (watched.contract.agreement, watched.clause, rule.name)
                judged.add(about)
                kept = open_alerts.get(about)
                if kept is None:
                    burnt = firing(rule, watched.budget, counting, now_us)
                    if burnt is not None:
                        await self._raise(watched, rule, burnt, now_us)
                elif kept.recorded_us is not None and is_over(rule, watched.budget, counting, now_us):
                    await self._resolve(kept)
            await asyncio.sleep(0)  # calls get their turn in between
        await self._withdraw([each for about, each in open_alerts.items() if about not in judged], alerts)
        for alert in await self._kept.open():
            if alert.recorded_us is None:
                await self._record(alert)
        await self._tell_all(alerts)

    async def _run(self, interval_s: float) -> NoReturn:
        while True:
            try:
                await self.step()
                if self._faulty:
                    _log.info("promises are being watched again")
                self._faulty = False
            except (StoreError, AuthorityError) as error:
                self._say_once(str(error))
            except Exception as error:  # a defect of ours must not end the watching, nor the serving
                self._say_once(type(error).__name__)
            await asyncio.sleep(interval_s)

    def _say_once(self, why: str) -> None:
        if not self._faulty:
            _log.warning("alerts cannot be raised or told", error=why)
        self._faulty = True

    def _counting(self, watched: Watched) -> Counting:
        """Counts of a clause without what it excludes."""
        account = self._sources.counts.of(watched.contract)

        def counted(from_us: int, until_us: int) -> Events:
            if account is None:
                return Events(0, 0)
            total, good = account.window(watched.meter, from_us, until_us)
            spans = self._sources.excluded(watched.contract, watched.clause, from_us, until_us)
            for begin_us, end_us in apart(spans, from_us, until_us):
                left_out, left_out_good = account.window(watched.meter, begin_us, end_us)
                total, good = total - left_out, good - left_out_good
            return Events(total, good)

        return counted

    async def _raise(self, watched: Watched, rule: Rule, burnt: Burnt, now_us: int) -> None:
        contract = watched.contract
        alert = KeptAlert(
            id=f"al-{token_hex(4)}",
            partner=contract.partner,
            agreement=contract.agreement,
            clause=watched.clause,
            rule=rule.name,
            severity=rule.severity,
            contract=contract.hash,
            evidence=rfc8785.dumps(evidence_of(rule, watched, burnt)).decode(),
            raised_us=now_us,
        )
        await self._kept.keep(alert)  # where another worker was faster it is among those to record below, or done

    async def _record(self, alert: KeptAlert) -> None:
        if not await self._kept.claim_record(alert.id, self._now_us()):
            return
        await self._on_the_log("alert-raised", alert)
        await self._kept.recorded(alert.id, self._now_us())

    async def _resolve(self, alert: KeptAlert) -> None:
        if not await self._kept.claim_resolve(alert.id, self._now_us()):
            return
        await self._on_the_log("alert-resolved", alert)
        await self._kept.resolve(alert.id, self._now_us())

    async def _withdraw(self, unwatched: Sequence[KeptAlert], alerts: Alerts) -> None:
        """End alerts that no rule is about any more: those that none was about at the step before, either.

        At one step alone the file may be gone because an editor is exchanging it, or a reload be under way.
        """
        lasting = [each for each in unwatched if each.id in self._unwatched and alerts.trusted]
        self._unwatched = frozenset(each.id for each in unwatched)
        for alert in lasting:
            if alert.recorded_us is None or not await self._kept.claim_resolve(alert.id, self._now_us()):
                continue
            await self._on_the_log("alert-resolved", alert, f" {RULE_WITHDRAWN}")
            await self._kept.resolve(alert.id, self._now_us(), withdrawn_evidence(alert))

    async def _on_the_log(self, event: Event, alert: KeptAlert, why: str = "") -> None:
        """What was claimed, as a record; where it cannot be written the next one may try at once."""
        subject = f"{subject_of(alert)}{why}"
        try:
            await record(self._writer, event, subject, partner=alert.partner, contract=alert.contract)
        except AuthorityError:
            await self._kept.disclaim(alert.id)
            raise

    async def _tell_all(self, alerts: Alerts) -> None:
        quiet_us = int(alerts.file.quiet.total_seconds()) * 1_000_000
        for alert in await self._kept.untold():
            if alert.state == "raised":
                last_us = await self._kept.last_told_us(alert.about)
                if last_us is not None and self._now_us() - last_us < quiet_us:
                    continue  # the same as a moment ago: told only if it lasts
            if await self._kept.claim_tell(alert, self._now_us()):
                await self._tell(alert, alerts)

    async def _tell(self, alert: KeptAlert, alerts: Alerts) -> None:
        """Of one that nobody was told of, nobody is told that it is over."""
        if alert.state != "raised" and alert.told_us is None:
            await self._kept.tell(alert, None)
            return
        try:
            if alerts.file.webhooks:
                await self._outlets.notify(f"alert.{alert.state}", "", webhook_data(alert))
            if alerts.file.email_from == "ticket" or alert.severity == "page":
                await self._mail(alert, alerts)
        except StoreError:
            await self._kept.disclaim(alert.id)
            raise
        await self._kept.tell(alert, self._now_us() if alert.state == "raised" else alert.told_us)

    async def _mail(self, alert: KeptAlert, alerts: Alerts) -> None:
        language, mail = alerts.file.language, self._outlets.mail
        if mail is None:
            return
        for address in alerts.file.email:
            await mail(address, mail_subject(alert, language), mail_text(alert, language))


def apart(spans: Iterable[tuple[int, int]], from_us: int, until_us: int) -> list[tuple[int, int]]:
    """Spans cut to a window, in order and joined where they overlap."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted((max(begin, from_us), min(end, until_us)) for begin, end in spans):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found
