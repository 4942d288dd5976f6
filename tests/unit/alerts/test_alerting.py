"""Alerts are raised once whoever sees them first, told once, acknowledged by people and resolved by data alone."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from contracts.plan import Contract, Plans
from gateway.alerts.acknowledging import acknowledge
from gateway.alerts.alerting import Alerting, Outlets, Sources, apart
from gateway.alerts.latest import LatestAlerts
from gateway.alerts.rules import DEFAULT_ALERTS, Alerts, parse_alerts
from gateway.alerts.telling import acknowledged_detail, mail_subject, mail_text, resolved_by
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.authority import Administration, AuthorityError
from gateway.store.alerts import KeptAlert, KeptAlerts
from gateway.store.faults import StoreError
from gateway.store.store import Store
from tests.unit.alerts.traffic import AVAILABILITY, NOW_US, Traffic
from tests.unit.audit.doubles import BRIEF
from tests.unit.sla.hub import plans_of
from tests.unit.store.ready_file import ready_file

PLANS = plans_of()
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
ONE_RULE = parse_alerts("[[rules]]\nname = 'fast'\nclauses = ['5.1']\nseverity = 'page'\n")
NOTHING = Traffic()


class Hub:
    """A gateway's alerting over a real store and a real log, with a clock and counts that tests set."""

    def __init__(self, folder: Path, store: Store, writer: Writer) -> None:
        self.folder, self.store, self.writer = folder, store, writer
        self.now_us = NOW_US
        self.traffic: dict[str, Traffic] = {}
        self.alerts = ONE_RULE
        self.excluded: list[tuple[int, int]] = []
        self.told: list[tuple[str, str, Mapping[str, Any]]] = []
        self.mailed: list[tuple[str, str, str]] = []
        self.outbox_works = True
        self.kept = KeptAlerts(store)

    def of(self, contract: Contract) -> Traffic:
        return self.traffic.get(contract.agreement, NOTHING)

    def worker(self, steps: asyncio.Semaphore | None = None) -> Alerting:
        """One more; `steps` is released whenever it begins to judge."""

        def plans() -> Plans:
            if steps is not None:
                steps.release()
            return PLANS

        sources = Sources(plans, self, self.holds, self.left_out)
        return Alerting(self.store, self.writer, sources, Outlets(self.notify, self.mail), lambda: self.now_us)

    def holds(self) -> Alerts:
        assert isinstance(self.alerts, Alerts)
        return self.alerts

    def left_out(self, *_: object) -> Sequence[tuple[int, int]]:
        return self.excluded

    async def notify(self, event: str, partner: str, data: Mapping[str, Any]) -> None:
        if not self.outbox_works:
            raise StoreError("unreachable", "outbox", "down")
        self.told.append((event, partner, data))

    async def mail(self, to: str, subject: str, text: str) -> None:
        self.mailed.append((to, subject, text))

    def burn(self, agreement: str = AVAILABILITY[0]) -> None:
        """The last half hour is bad."""
        self.traffic[agreement] = Traffic().add(range(30), 100, 50, self.now_us)

    def recover(self, agreement: str = AVAILABILITY[0]) -> None:
        """Ten minutes later, all of them good."""
        self.now_us += 10 * MINUTE_US
        self.traffic[agreement].add(range(10), 100, 0, self.now_us)

    def events(self) -> list[str]:
        return [entry.event for entry in read_as(self.folder, Authority)]

    async def only(self) -> KeptAlert:
        (alert,) = await self.kept.all(10)
        return alert


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    store = await Store.open(ready_file(tmp_path))
    writer = Writer.open(tmp_path / "log", "gw-1", options=BRIEF)
    assert isinstance(writer, Writer)
    yield Hub(tmp_path / "log", store, writer)
    writer.close()
    await store.close()


async def test_a_promise_that_burns_is_raised_on_the_log_and_told(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    alert = await hub.only()
    assert (alert.state, alert.about, alert.severity) == ("raised", (*AVAILABILITY, "fast"), "page")
    assert alert.recorded_us == alert.told_us == alert.raised_us == NOW_US
    (entry,) = read_as(hub.folder, Authority)
    assert (entry.event, entry.subject) == ("alert-raised", f"{alert.id} swift-logistics-2026 5.1 fast")
    assert (entry.partner, entry.contract) == ("swift-logistics", alert.contract)
    ((event, partner, data),) = hub.told
    assert (event, partner, data["alert"], data["state"]) == ("alert.raised", "", alert.id, "raised")
    assert data["evidence"]["long"] == {"minutes": 60, "total": 3000, "bad": 1500, "burn_rate": "1000.00"}
    assert data["evidence"]["short"] == {"minutes": 5, "total": 500, "bad": 250, "burn_rate": "1000.00"}


async def test_nothing_is_raised_while_all_is_well_or_nothing_comes(hub: Hub) -> None:
    await hub.worker().step()
    hub.traffic[AVAILABILITY[0]] = Traffic().add(range(60), 100, 0)
    await hub.worker().step()
    assert await hub.kept.all(10) == ()
    assert hub.events() == []


async def test_workers_that_see_it_at_once_raise_and_tell_it_once(hub: Hub) -> None:
    hub.burn()
    await asyncio.gather(*(hub.worker().step() for _ in range(6)))
    await hub.only()
    assert hub.events() == ["alert-raised"]
    assert [event for event, _, _ in hub.told] == ["alert.raised"]


async def test_an_alert_outlives_a_restart_and_is_raised_no_second_time(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    for _ in range(3):
        hub.now_us += 30_000_000
        await hub.worker().step()
    assert hub.events() == ["alert-raised"]
    assert len(hub.told) == 1


async def test_each_clause_of_each_agreement_has_its_own(hub: Hub) -> None:
    hub.burn()
    hub.burn("harbor-bank-2026")
    await hub.worker().step()
    assert sorted(alert.agreement for alert in await hub.kept.open()) == ["harbor-bank-2026", AVAILABILITY[0]]


async def test_data_resolve_it_and_that_is_recorded_and_told(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    hub.recover()
    await asyncio.gather(*(hub.worker().step() for _ in range(4)))
    alert = await hub.only()
    assert (alert.state, alert.resolved_us) == ("resolved", hub.now_us)
    assert hub.events() == ["alert-raised", "alert-resolved"]
    assert [(event, data["state"]) for event, _, data in hub.told] == [
        ("alert.raised", "raised"),
        ("alert.resolved", "resolved"),
    ]


async def test_missing_data_never_resolve_it_not_even_after_weeks(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    for days in (0, 1, 7, 27, 40):
        hub.now_us = NOW_US + HOUR_US + days * 24 * HOUR_US
        await hub.worker().step()
    hub.traffic.clear()
    await hub.worker().step()
    assert (await hub.only()).state == "raised"
    assert hub.events() == ["alert-raised"]


async def test_a_person_acknowledges_it_with_a_note_that_the_log_commits_to(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    alert = await hub.only()
    administration = Administration(hub.store, hub.writer)
    await acknowledge(administration, alert.id, "ops", "calling the bank", lambda: hub.now_us)
    entry = list(read_as(hub.folder, Authority))[-1]
    assert (entry.event, entry.detail) == ("alert-acknowledged", acknowledged_detail("ops", "calling the bank"))
    await hub.worker().step()
    assert (hub.told[-1][0], len(hub.told)) == ("alert.acknowledged", 2)
    assert "calling" not in json.dumps(hub.told[-1][2])
    with pytest.raises(AuthorityError, match="is acknowledged already"):
        await acknowledge(administration, alert.id, "ops", "again", lambda: hub.now_us)
    with pytest.raises(AuthorityError, match="there is no alert al-0"):
        await acknowledge(administration, "al-0", "ops", "so", lambda: hub.now_us)
    hub.recover()
    await hub.worker().step()
    kept = await hub.only()
    assert (kept.state, kept.acknowledged_by, kept.note) == ("resolved", "ops", "calling the bank")


async def test_two_people_at_once_acknowledge_it_once(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    alert = await hub.only()
    administration = Administration(hub.store, hub.writer)
    tries = (acknowledge(administration, alert.id, f"ops-{each}", "mine", lambda: hub.now_us) for each in range(4))
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["AuthorityError"] * 3 + ["KeptAlert"]
    assert hub.events() == ["alert-raised", "alert-acknowledged"]


async def test_the_same_again_soon_is_recorded_and_not_told_until_it_has_lasted(hub: Hub) -> None:
    hub.burn()
    await hub.worker().step()
    hub.recover()
    await hub.worker().step()
    hub.now_us += 10 * MINUTE_US
    hub.burn()
    await hub.worker().step()
    assert hub.events() == ["alert-raised", "alert-resolved", "alert-raised"]
    assert [event for event, _, _ in hub.told] == ["alert.raised", "alert.resolved"]
    hub.now_us = NOW_US + HOUR_US
    await hub.worker().step()
    assert [event for event, _, _ in hub.told] == ["alert.raised", "alert.resolved", "alert.raised"]


async def test_of_one_that_nobody_was_told_of_nobody_is_told_that_it_is_over(hub: Hub) -> None:
    for _ in range(2):
        hub.burn()
        await hub.worker().step()
        hub.recover()
        await hub.worker().step()
    assert hub.events() == ["alert-raised", "alert-resolved"] * 2
    assert [event for event, _, _ in hub.told] == ["alert.raised", "alert.resolved"]
    assert await hub.kept.untold() == ()


async def test_bad_calls_in_what_the_clause_excludes_burn_nothing(hub: Hub) -> None:
    hub.burn()
    hub.excluded = [(NOW_US - HOUR_US, NOW_US - 10 * MINUTE_US), (NOW_US - 20 * MINUTE_US, NOW_US + 2 * MINUTE_US)]
    await hub.worker().step()
    assert await hub.kept.all(10) == ()
    hub.excluded = hub.excluded[:1]
    await hub.worker().step()
    assert json.loads((await hub.only()).evidence)["long"]["bad"] == 50 * 11


async def test_mail_goes_to_every_address_for_the_severities_asked_for(hub: Hub) -> None:
    text = "email = ['a@hub.example', 'b@hub.example']\nemail_from = 'page'\nwebhooks = false\n"
    rules = "[[rules]]\nname = '{}'\nclauses = ['5.1']\nseverity = '{}'\n"
    hub.alerts = parse_alerts(text + rules.format("one", "page") + rules.format("two", "ticket"))
    hub.burn()
    await hub.worker().step()
    assert len(await hub.kept.open()) == 2
    assert hub.told == []
    assert [to for to, _, _ in hub.mailed] == ["a@hub.example", "b@hub.example"]
    _, subject, said = hub.mailed[0]
    assert subject == "[Clausegate] 告警 / Alert: swift-logistics-2026 5.1 (one)"
    for words in ("60 分钟：3000 次中 1500 次不合格", "1500 of 3000 bad, burn rate 1000.00", "promises 99.95 %"):
        assert words in said


async def test_an_outbox_that_fails_is_tried_again_and_told_once(hub: Hub) -> None:
    hub.burn()
    hub.outbox_works = False
    with pytest.raises(StoreError):
        await hub.worker().step()
    hub.outbox_works = True
    await hub.worker().step()
    await hub.worker().step()
    assert [event for event, _, _ in hub.told] == ["alert.raised"]
    assert hub.events() == ["alert-raised"]


async def test_a_log_that_cannot_be_written_leaves_it_to_be_recorded_and_told_later(hub: Hub) -> None:
    hub.burn()
    hub.writer.close()
    with pytest.raises(AuthorityError):
        await hub.worker().step()
    assert (await hub.only()).recorded_us is None
    assert hub.told == []
    writer = Writer.open(hub.folder, "gw-1")
    assert isinstance(writer, Writer)
    hub.writer = writer
    await hub.worker().step()
    assert hub.events() == ["alert-raised"]
    assert len(hub.told) == 1


async def test_watching_goes_on_after_a_defect_and_says_it_once(hub: Hub) -> None:
    hub.burn()
    sound, hub.alerts = hub.alerts, []  # what nobody may hand over
    steps = asyncio.Semaphore(0)
    worker = hub.worker(steps)
    with capture_logs() as said:
        worker.start(0)
        async with asyncio.timeout(20):
            for _ in range(3):
                await steps.acquire()
            hub.alerts = sound
            while not hub.told:
                await steps.acquire()
        await worker.close()
    assert [each["log_level"] for each in said if each["log_level"] == "warning"] == ["warning"]


async def test_an_alert_whose_rule_is_gone_is_withdrawn_once_and_told_as_such(hub: Hub) -> None:
    workers = [hub.worker(), hub.worker()]
    hub.burn()
    await workers[0].step()
    hub.alerts = structs.replace(DEFAULT_ALERTS, rules=())
    for _ in range(3):
        await asyncio.gather(*(each.step() for each in workers))
    alert = await hub.only()
    assert (alert.state, resolved_by(alert)) == ("resolved", "rule-withdrawn")
    assert hub.events() == ["alert-raised", "alert-resolved"]
    subject = list(read_as(hub.folder, Authority))[-1].subject
    assert subject == f"{alert.id} swift-logistics-2026 5.1 fast rule-withdrawn"
    event, _, data = hub.told[-1]
    assert (event, data["resolved_by"], len(hub.told)) == ("alert.resolved", "rule-withdrawn", 2)
    assert data["evidence"] == hub.told[0][2]["evidence"]
    assert mail_subject(alert, None).startswith("[Clausegate] 告警已撤销 / Alert withdrawn: ")
    assert "撤销并不表示数据显示已恢复" in mail_text(alert, "zh")
    assert "No data show that it is over." in mail_text(alert, "en")


async def test_what_a_person_acknowledged_is_withdrawn_too_and_so_is_what_is_no_longer_in_force(hub: Hub) -> None:
    worker = hub.worker()
    hub.burn()
    await worker.step()
    await acknowledge(Administration(hub.store, hub.writer), (await hub.only()).id, "ops", "so", lambda: hub.now_us)
    hub.now_us = max(each.effective_until_s for each in PLANS.contracts.values()) * 1_000_000
    await worker.step()
    await worker.step()
    alert = await hub.only()
    assert (resolved_by(alert), alert.note) == ("rule-withdrawn", "so")


async def test_a_rule_that_is_back_at_the_next_look_was_never_gone(hub: Hub) -> None:
    worker, rules = hub.worker(), hub.alerts
    hub.burn()
    await worker.step()
    for _ in range(3):  # as where an editor takes the file away and puts another one there
        hub.alerts = structs.replace(DEFAULT_ALERTS, rules=())
        await worker.step()
        hub.alerts = rules
        await worker.step()
    assert (await hub.only()).state == "raised"
    hub.recover()
    await worker.step()
    assert resolved_by(await hub.only()) == "data"


async def test_nothing_is_withdrawn_while_nobody_knows_which_rules_are_meant(hub: Hub) -> None:
    worker, latest, rules = hub.worker(), LatestAlerts(hub.folder), "[[rules]]\nname = 'mine'\nclauses = ['5.1']\n"
    hub.alerts = parse_alerts(rules)
    hub.burn()
    await worker.step()
    (hub.folder / "alerts.toml").write_text(rules.replace("name", "nmae"))
    hub.alerts = latest()  # a gateway that starts with the mistake: the rules of the table hold
    for _ in range(3):
        await worker.step()
    kept = {alert.about[2]: alert.state for alert in await hub.kept.all(10)}
    assert kept["mine"] == "raised"
    (hub.folder / "alerts.toml").write_text("[[rules]]\nname = 'another'\nclauses = ['5.1']\n")
    hub.alerts = latest()
    for _ in range(3):
        await worker.step()
    kept = {alert.about[2]: alert.state for alert in await hub.kept.all(10)}
    assert kept["mine"] == "resolved"


@pytest.mark.parametrize(
    ("spans", "joined"),
    [
        ([], []),
        ([(0, 5), (20, 30)], []),
        ([(0, 12), (11, 13), (13, 14), (18, 40)], [(10, 14), (18, 20)]),
        ([(0, 40), (12, 14)], [(10, 20)]),
    ],
)
def test_spans_are_cut_to_the_window_and_counted_once(
    spans: list[tuple[int, int]], joined: list[tuple[int, int]]
) -> None:
    assert apart(spans, 10, 20) == joined
