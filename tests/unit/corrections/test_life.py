"""Each step is on the log before it is taken, and told to the other side; what was said in words is on neither way."""

import asyncio
import hashlib
import json
from typing import Any

import pytest
from msgspec import structs

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration, AuthorityError
from gateway.corrections.heard import HeardCorrections
from gateway.corrections.keeping import WORDS_KEPT_DAYS, Keeping
from gateway.corrections.life import Actor, CorrectionLife, NewReport, Pending, Refused, detail_of
from gateway.corrections.steps import Action
from gateway.store.corrections import STALE_US, Corrections, KeptCorrection
from gateway.workspace import Workspace
from policies.settling.facts import Correction
from tests.unit.corrections.stage import (
    AGREEMENT,
    CANARY,
    HOUR_US,
    NOW_US,
    PARTNER,
    PRODUCT,
    Clock,
    Heralds,
    clause_of,
    contract_of,
)

HUB, SWIFT = Actor("hub", None, "ops"), Actor("partner", PARTNER, "swift-app")
WORDS = {"key": "s-1", "expected": f'"{CANARY}"', "evidence": f"see {CANARY}"}


def entries(workspace: Workspace) -> list[Authority]:
    return list(read_as(workspace.settings.log_path(workspace.folder), Authority))


async def reported(
    life: CorrectionLife,
    workspace: Workspace,
    clause: str = "6.1",
    severity: str = "critical",
    field: str = "customer.phone",
) -> KeptCorrection:
    new = NewReport(contract_of(workspace), clause_of(workspace, clause), severity, PRODUCT, field, WORDS)
    made = await life.report(new, SWIFT if clause == "6.1" else HUB)
    assert isinstance(made, KeptCorrection)
    return made


async def taken(life: CorrectionLife, kept: KeptCorrection, *actions: Action, **more: Any) -> KeptCorrection:
    """Steps one after the other, each by the side whose it is, an hour apart."""
    for action in actions:
        corrects = action in ("acknowledge", "fix", "reject")
        actor = HUB if corrects == (kept.owed_by == "hub") else SWIFT
        life._now_us.move(1)  # type: ignore[attr-defined]
        found = await life.take(kept, action, actor, **more)
        assert isinstance(found, KeptCorrection), found
        kept = found
    return kept


async def facts_of_both(
    administration: Administration, workspace: Workspace, clause: str, from_us: int, to_us: int
) -> tuple[Correction, ...]:
    """The facts of a window, which the log alone must tell as the store does."""
    heard = HeardCorrections()
    for entry in reversed(entries(workspace)):  # writers are read one after the other: their order is not that of time
        heard.hear(entry)
    from_store = await Corrections(administration.store).facts(AGREEMENT, clause, from_us, to_us)
    assert heard.facts(AGREEMENT, clause, from_us, to_us) == from_store
    return from_store


async def test_a_report_is_recorded_by_ids_and_commits_to_its_words(
    workspace: Workspace, life: CorrectionLife, heralds: Heralds
) -> None:
    kept = await reported(life, workspace)
    (entry,) = entries(workspace)
    assert (entry.event, entry.partner, entry.contract) == ("correction-reported", PARTNER, contract_of(workspace).hash)
    assert entry.subject == f"{kept.id} {AGREEMENT} 6.1 critical hub"
    assert (entry.time_us, kept.reported_us) == (NOW_US, NOW_US)
    assert entry.detail == hashlib.sha256(kept.words.encode()).hexdigest()
    said = json.loads(kept.words)
    assert len(said.pop("salt")) == 32
    assert said == WORDS
    assert await life.kept.find(kept.id) == kept
    told = {"correction": kept.id, "agreement": AGREEMENT, "clause": "6.1", "severity": "critical", "state": "reported"}
    assert heralds.told == [("correction.reported", "", told)]


async def test_words_stand_nowhere_on_the_log_and_nobody_is_told_them(
    workspace: Workspace, life: CorrectionLife, heralds: Heralds
) -> None:
    kept = await reported(life, workspace)
    await taken(life, kept, "reject", words={"reason": CANARY})
    log = workspace.settings.log_path(workspace.folder)
    content = b"".join(path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert CANARY.encode() not in content
    assert CANARY not in repr(heralds.told)


async def test_two_reports_of_the_same_words_cannot_be_told_to_be_the_same(
    workspace: Workspace, life: CorrectionLife
) -> None:
    await reported(life, workspace)
    await reported(life, workspace, field="customer.mobile")
    first, second = entries(workspace)
    assert first.detail != second.detail


async def test_the_whole_course_is_on_the_log_with_the_times_of_the_store(
    workspace: Workspace, life: CorrectionLife, administration: Administration, heralds: Heralds
) -> None:
    kept = await reported(life, workspace)
    kept = await taken(life, kept, "acknowledge", "reject", "reopen", "fix", "reopen", "fix")
    steps = await life.kept.steps_of(kept.id)
    assert [(entry.event, entry.time_us) for entry in entries(workspace)] == [
        (f"correction-{name}", NOW_US + hour * HOUR_US)
        for hour, name in enumerate(["reported", "acknowledged", "rejected", "reopened", "fixed", "reopened", "fixed"])
    ]
    assert [step.time_us for step in steps] == [entry.time_us for entry in entries(workspace)]
    assert [detail_of(step.words) for step in steps[1:]] == [entry.detail for entry in entries(workspace)[1:]]
    assert [(event, partner) for event, partner, _ in heralds.told][:4] == [
        ("correction.reported", ""),
        ("correction.acknowledged", PARTNER),
        ("correction.rejected", PARTNER),
        ("correction.reopened", ""),
    ]
    (fact,) = await facts_of_both(administration, workspace, "6.1", NOW_US, NOW_US + 1_000 * HOUR_US)
    hours = [(int(span.from_.timestamp()), int(span.to.timestamp())) for span in fact.paused]
    begin_s = NOW_US // 1_000_000
    assert hours == [(begin_s + 2 * 3600, begin_s + 3 * 3600), (begin_s + 4 * 3600, begin_s + 5 * 3600)]
    assert fact.fixed is not None
    assert fact.fixed.timestamp() == begin_s + 6 * 3600


async def test_facts_of_a_window_hold_what_may_matter_in_it_and_nothing_from_after_it(
    workspace: Workspace, life: CorrectionLife, administration: Administration
) -> None:
    fixed = await taken(life, await reported(life, workspace), "acknowledge", "fix")
    rejected = await taken(life, await reported(life, workspace), "reject")
    withdrawn = await taken(life, await reported(life, workspace), "withdraw")
    waiting = await reported(life, workspace, severity="minor")
    end = NOW_US + 1_000 * HOUR_US

    async def ids(from_us: int, to_us: int) -> list[str]:
        return [fact.id for fact in await facts_of_both(administration, workspace, "6.1", from_us, to_us)]

    assert await ids(NOW_US, end) == [fixed.id, waiting.id]
    assert await ids(NOW_US + 3 * HOUR_US, end) == [waiting.id]  # corrected before the window began
    (before,) = await facts_of_both(administration, workspace, "6.1", NOW_US - 1, NOW_US + 2 * HOUR_US)
    assert (before.id, before.fixed) == (fixed.id, None)
    assert before.acknowledged is not None
    assert await ids(NOW_US - 9, NOW_US) == []
    assert await ids(0, end) == [fixed.id, waiting.id]
    assert {rejected.state, withdrawn.state} == {"rejected", "withdrawn"}
    assert await facts_of_both(administration, workspace, "6.2", 0, end) == ()


@pytest.mark.parametrize(
    ("steps", "action", "actor"),
    [
        ([], "fix", SWIFT),
        ([], "reopen", SWIFT),
        ([], "withdraw", HUB),
        (["acknowledge"], "acknowledge", HUB),
        (["fix"], "reject", HUB),
        (["fix"], "reopen", HUB),
        (["reject"], "withdraw", SWIFT),
        (["withdraw"], "reopen", SWIFT),
    ],
)
async def test_a_step_that_is_not_ones_own_or_may_not_follow_is_refused_and_not_recorded(
    workspace: Workspace, life: CorrectionLife, steps: list[Action], action: Action, actor: Actor
) -> None:
    kept = await taken(life, await reported(life, workspace), *steps)
    assert await life.take(kept, action, actor) == Refused("state", kept.state)
    assert len(entries(workspace)) == len(steps) + 1


async def test_an_error_of_the_partner_is_the_partners_to_correct(
    workspace: Workspace, life: CorrectionLife, heralds: Heralds
) -> None:
    kept = await reported(life, workspace, "6.2")
    assert await life.take(kept, "fix", HUB) == Refused("state", "reported")
    kept = await taken(life, kept, "acknowledge", "fix")
    assert [partner for _, partner, _ in heralds.told] == [PARTNER, "", ""]
    assert entries(workspace)[0].subject.endswith(" 6.2 critical partner")


async def test_what_is_anothers_is_not_there(workspace: Workspace, life: CorrectionLife) -> None:
    kept = await reported(life, workspace)
    assert await life.take(kept, "withdraw", Actor("partner", "rapid", "rapid-app")) == Refused("unknown")


async def test_it_may_be_reopened_to_the_end_of_the_time_that_the_clause_leaves(
    workspace: Workspace, life: CorrectionLife, clock: Clock
) -> None:
    clause = clause_of(workspace)
    kept = await taken(life, await reported(life, workspace), "fix")
    clock.move(7 * 24)
    clock.now_us += 1
    assert await life.take(kept, "reopen", SWIFT, clause=clause) == Refused("too-late", "fixed")
    clock.now_us -= 1
    assert isinstance(await life.take(kept, "reopen", SWIFT, clause=clause), KeptCorrection)


async def test_of_two_who_take_a_step_at_once_one_does(workspace: Workspace, life: CorrectionLife) -> None:
    kept = await reported(life, workspace)
    assert isinstance(await life.take(kept, "fix", HUB), KeptCorrection)
    assert await life.take(kept, "reject", HUB) == Refused("state", "reported")
    assert [entry.event for entry in entries(workspace)] == ["correction-reported", "correction-fixed"]


async def test_what_cannot_be_recorded_is_not_done(
    workspace: Workspace, administration: Administration, life: CorrectionLife
) -> None:
    kept = await reported(life, workspace)
    administration.writer.close()
    with pytest.raises(AuthorityError, match="cannot be written"):
        await life.take(kept, "fix", HUB)
    assert await life.kept.find(kept.id) == kept
    with pytest.raises(AuthorityError, match="cannot be written"):
        await reported(life, workspace, field="customer.name")
    assert await life.kept.count_open(PARTNER, "hub") == 1


async def test_one_error_is_reported_once_while_it_is_open_and_credited_once(
    workspace: Workspace, life: CorrectionLife
) -> None:
    """Also by two who report it at the same moment, however severe they call it."""
    new = NewReport(contract_of(workspace), clause_of(workspace), "critical", PRODUCT, "customer.phone", WORDS)
    again = structs.replace(new, severity="minor", words={**WORDS, "expected": '"another"'})
    made = await asyncio.gather(*(life.report(each, SWIFT) for each in (new, again, new)))
    (kept,) = (each for each in made if isinstance(each, KeptCorrection))
    assert made.count(Refused("twice")) == 2
    assert len(entries(workspace)) == 1
    others = (structs.replace(new, field="weight_kg"), structs.replace(new, words={**WORDS, "key": "s-2"}))
    for other in others:
        assert isinstance(await life.report(other, SWIFT), KeptCorrection)
    await taken(life, kept, "fix")
    assert isinstance(await life.report(new, SWIFT), KeptCorrection), "it is wrong again"


async def test_a_step_that_was_left_half_taken_is_taken_at_its_first_time_and_counts_once(
    workspace: Workspace, administration: Administration, life: CorrectionLife, clock: Clock
) -> None:
    kept = await reported(life, workspace)
    pending = Pending("fix", NOW_US + 5, "ops", '{"salt":"00"}')
    assert await life.kept.begin(kept, json.dumps(structs.asdict(pending)), NOW_US)
    await life._record(kept, pending)
    assert await life.take(kept, "reject", HUB) == Refused("state", "reported")
    assert await life.resume() == 0
    clock.now_us = NOW_US + STALE_US
    assert await life.resume() == 1
    assert await life.resume() == 0
    found = await life.kept.find(kept.id)
    assert found is not None
    assert (found.state, found.closed_us, found.pending) == ("fixed", NOW_US + 5, None)
    assert [entry.event for entry in entries(workspace)] == ["correction-reported", *["correction-fixed"] * 2]
    (fact,) = await facts_of_both(administration, workspace, "6.1", NOW_US, NOW_US + HOUR_US)
    assert fact.fixed is not None


async def test_words_are_erased_some_time_after_it_was_closed_and_the_figures_stay(
    workspace: Workspace, administration: Administration, life: CorrectionLife, clock: Clock
) -> None:
    closed = await taken(life, await reported(life, workspace), "fix", words={"reason": CANARY})
    waiting = await reported(life, workspace)
    keeping = Keeping(life, clock)
    clock.move(WORDS_KEPT_DAYS * 24)
    await keeping.step()
    assert (await life.kept.find(closed.id) or closed).words != ""
    clock.move(1)
    before = await facts_of_both(administration, workspace, "6.1", NOW_US, clock.now_us)
    await keeping.step()
    found = await life.kept.find(closed.id)
    assert found is not None
    assert found.words == ""
    assert [step.words for step in await life.kept.steps_of(closed.id)] == ["", ""]
    assert (await life.kept.find(waiting.id) or closed).words == waiting.words
    assert await facts_of_both(administration, workspace, "6.1", NOW_US, clock.now_us) == before


async def test_more_reports_than_anybody_can_look_at_are_not_taken(
    workspace: Workspace, administration: Administration, heralds: Heralds, clock: Clock
) -> None:
    life = CorrectionLife(administration.store, administration.writer, heralds.notify, clock, open_max=2)
    first = await reported(life, workspace)
    await reported(life, workspace, field="customer.name")
    await reported(life, workspace, "6.2")  # those of the other side are others
    new = NewReport(contract_of(workspace), clause_of(workspace), "minor", PRODUCT, "weight_kg", WORDS)
    assert await life.report(new, SWIFT) == Refused("too-many")
    await taken(life, first, "withdraw")
    assert isinstance(await life.report(new, SWIFT), KeptCorrection)
