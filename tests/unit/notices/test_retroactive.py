"""A notice about time that has passed: which figures and credits it changes, before and after, counted from a log."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.plan import Plans
from gateway.audit.leaf import Authority, Exchange, Pulse
from gateway.audit.writer import Writer
from gateway.notices.effects import Effect, SettledClause, effect_of
from gateway.notices.facts import notice_facts
from gateway.notices.known import Announced, Known, Suspended
from gateway.notices.retroactive import effects_of, months_changed
from gateway.sla.ledger import Ledger, from_log
from gateway.workspace import Workspace
from policies.settling.facts import FactFault
from policies.settling.settled import Settled
from tests.unit.notices.announcing import (
    AGREEMENT,
    DAY_US,
    HOUR_US,
    MINUTE_US,
    announced,
    announcing_workspace,
    at_us,
    the_contract,
)
from tests.unit.sla.hub import exchange

NOW_US = at_us("2026-11-08T00:00")
BEGIN_US = at_us("2026-11-01T00:00")
NIGHT = "notice: night\nkind: maintenance\nfrom: 2026-11-05T02:00\nduration: PT2H\nagreements: [swift-2026]"
STORM = "notice: storm\nkind: force_majeure\nfrom: 2026-11-05T02:00\nto: 2026-11-05T06:00"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return announcing_workspace(tmp_path_factory.mktemp("announcing") / "workspace")


@pytest.fixture(scope="module")
def ledger(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A week: the hub is there, but for an hour on the fifth, in which calls had failed for three hours before."""
    log = tmp_path_factory.mktemp("log")
    asyncio.run(_write(log, workspace))
    return from_log(log, workspace.plans)


async def _write(log: Path, workspace: Workspace) -> None:
    writer = Writer.open(log, "main")
    assert isinstance(writer, Writer)
    await asyncio.gather(*(writer.append(entry, "write") for entry in _entries(workspace)))
    writer.close()


def _entries(workspace: Workspace) -> Iterator[Authority | Exchange | Pulse]:
    contract = the_contract(workspace)
    plan = next(plan for plan in workspace.plans.all_plans() if plan.operation == "list")
    subject = f"{contract.agreement} {contract.version}"
    yield Authority(BEGIN_US, "agreement-activated", subject, contract.hash, contract.partner)
    for time_us in range(BEGIN_US, NOW_US, MINUTE_US):
        into_us = time_us - at_us("2026-11-05T02:00")
        if 3 * HOUR_US <= into_us < 4 * HOUR_US:
            continue
        yield Pulse(time_us)
        if 0 <= into_us < 3 * HOUR_US:
            yield exchange(plan, time_us / 1_000_000, status=503, code="backend-unavailable")


def effects(workspace: Workspace, ledger: Ledger, notice: Announced, known: Known = Known()) -> tuple[Effect, ...]:  # noqa: B008 - frozen
    plans: Plans = workspace.plans
    return effects_of(notice, known, plans.contracts.values(), plans, ledger, now_us=NOW_US)


def test_maintenance_that_was_announced_early_enough_changes_availability(workspace: Workspace, ledger: Ledger) -> None:
    (effect,) = effects(workspace, ledger, announced(NIGHT, "2026-11-01T00:00"))
    assert (effect.agreement, effect.clause, effect.window) == (AGREEMENT, "5.8", "2026-11")
    assert effect.measured_before is not None
    assert effect.measured_after is not None
    assert Decimal(effect.measured_before) < Decimal(effect.measured_after) < 100


def test_force_majeure_told_in_time_takes_the_whole_outage_out(workspace: Workspace, ledger: Ledger) -> None:
    (effect,) = effects(workspace, ledger, announced(STORM, "2026-11-06T00:00"))
    assert (effect.verdict_before, effect.verdict_after) == ("missed", "met")
    assert effect.credit_before == Decimal(100)
    assert effect.credit_after == Decimal(0)
    assert effect.measured_after is not None
    assert Decimal(effect.measured_after) == 100


@pytest.mark.parametrize(
    ("text", "at"),
    [(NIGHT, "2026-11-06T00:00"), (STORM, "2026-11-07T12:00"), (NIGHT.replace("11-05", "11-25"), "2026-11-06T00:00")],
)
def test_what_came_too_late_or_is_still_to_come_changes_nothing(
    text: str, at: str, workspace: Workspace, ledger: Ledger
) -> None:
    notice = announced(text, at)
    assert months_changed(notice, the_contract(workspace), NOW_US) == []
    assert effects(workspace, ledger, notice) == ()


def test_what_was_left_out_already_is_not_left_out_twice(workspace: Workspace, ledger: Ledger) -> None:
    known = Known((announced(STORM, "2026-11-06T00:00"),))
    assert effects(workspace, ledger, announced(NIGHT, "2026-11-01T00:00"), known) == ()


def test_the_hour_in_which_the_hub_was_not_there_is_an_interruption(workspace: Workspace, ledger: Ledger) -> None:
    from gateway.notices.retroactive import _settled

    contract = the_contract(workspace)
    month = (BEGIN_US, at_us("2026-12-01T00:00"))
    suspended = Suspended("s-1", AGREEMENT, "hub", NOW_US - DAY_US, None)
    for suspensions, seconds in (((), 3600), ((suspended,), 3600 + 86_400)):
        facts = notice_facts(Known(suspensions=suspensions), contract, workspace.plans)
        clauses = [each for each in contract.promises if each.ref.id == "6.1"]
        (settled,) = _settled(facts, clauses, month, ledger, NOW_US)
        assert isinstance(settled.outcome, Settled)
        assert settled.outcome.measured == str(seconds)


def test_only_what_differs_is_an_effect(workspace: Workspace) -> None:
    ref = the_contract(workspace).promises[0].ref
    fault = FactFault("fee", "is missing")
    assert effect_of([SettledClause(ref, "2026-10", fault)], [SettledClause(ref, "2026-10", fault)]) == ()
    assert effect_of([], [SettledClause(ref, "2026-10", fault)]) == ()


def test_months_are_those_of_the_agreement_s_zone(workspace: Workspace) -> None:
    over = announced("kind: maintenance\nfrom: 2026-10-31T23:00\nduration: PT2H", "2026-10-01T00:00")
    months = months_changed(over, the_contract(workspace), NOW_US)
    assert months == [(at_us("2026-10-01T00:00"), BEGIN_US), (BEGIN_US, at_us("2026-12-01T00:00"))]
