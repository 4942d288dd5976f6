"""How `clausegate statement` comes to a statement: what is asked for, gathered, settled, sealed, and perhaps issued."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from msgspec import Struct
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from contracts.plan import Contract
from gateway.audit.faults import CorruptLogError
from gateway.commands.acting import account
from gateway.commands.administering import administer
from gateway.commands.terminal import EXIT_FOUND, err, fail
from gateway.evidence.published import StoppedError
from gateway.statements.counted import CountedSource
from gateway.statements.document import Statement, TreeHead
from gateway.statements.issuing import StatementAuthority
from gateway.statements.load import Loaded, load_counted, load_log, tree_head
from gateway.statements.log_evidence import in_force_as
from gateway.statements.period import FORMS, Period, read_period
from gateway.statements.revise import Computed, computed_only
from gateway.statements.settle import Asked, settle
from gateway.statements.source import Progress as Step
from gateway.store.faults import StoreError
from gateway.store.notices import documents
from gateway.store.opening import open_store
from gateway.store.statements import KeptStatement
from gateway.tlog.open_target import TargetError, open_target
from gateway.tlog.tiles import TileError
from gateway.webhooks.notify import Outbox
from gateway.workspace import Workspace


class Wanted(Struct, frozen=True):
    """What the command was asked for."""

    agreement: str
    period: str
    from_log: bool = False
    issue: bool = False


class Made(Struct, frozen=True):
    """The statement; `kept` None: it was not issued."""

    statement: Statement
    kept: KeptStatement | None


def make_statement(workspace: Workspace, wanted: Wanted, now: datetime | None = None) -> Made:
    """The statement that is wanted; says why there is none and ends the command. `now` is the present if not given."""
    period = read_period(wanted.period)
    if period is None:
        fail(f"a period is {FORMS}")
    computed = _computed(workspace, wanted, _versions(workspace, wanted.agreement), period, now or datetime.now(UTC))
    if not wanted.issue:
        return Made(computed_only(computed), None)
    _check_terms(workspace, computed)
    issued = administer(
        workspace,
        lambda administration: StatementAuthority(administration, Outbox(administration.store).notify).issue(
            computed, account()
        ),
    )
    return Made(issued.statement, issued.kept)


def _check_terms(workspace: Workspace, computed: Computed) -> None:
    """Ends the command where a version is settled by other terms than were in force: documents that were edited after
    the period, without another version, would change what was owed."""
    settlement = computed.settlement
    end_us = int(datetime.fromisoformat(settlement.to).timestamp()) * 1_000_000
    for named in settlement.versions:
        version, _, contract = named.partition(" ")
        log = workspace.settings.log_path(workspace.folder)
        try:
            known = in_force_as(log, settlement.agreement, version, end_us)
        except CorruptLogError as error:
            fail(f"the audit log is damaged: {error}; `clausegate verify` says more", EXIT_FOUND)
        except OSError as error:
            fail(f"the audit log cannot be read: {error.strerror or type(error).__name__}")
        if known and known != contract:
            fail(
                f"{settlement.agreement} {version} was in force in {settlement.period} as contract {known[:12]}…, and"
                f" the documents now make {contract[:12]}… of it: what changes terms is another version"
            )


def _versions(workspace: Workspace, agreement: str) -> tuple[Contract, ...]:
    found = [each for each in workspace.plans.contracts.values() if each.agreement == agreement]
    if not found:
        fail(f"there is no agreement {agreement}; there are: {', '.join(sorted(workspace.plans.agreements()))}")
    if not any(contract.promises for contract in found):
        fail(f"{agreement} has no clause that a statement settles")
    return tuple(sorted(found, key=lambda contract: contract.effective_from_s))


def _computed(
    workspace: Workspace, wanted: Wanted, versions: tuple[Contract, ...], period: Period, now: datetime
) -> Computed:
    try:
        with _progress() as step:
            loaded = _load(workspace, wanted, versions, step)
            settlement = settle(Asked(versions, period, now), CountedSource(loaded.gathered, now), step)
            tree = _tree(workspace, versions[-1].partner)
    except CorruptLogError as error:
        fail(f"the audit log is damaged: {error}; `clausegate verify` says more", EXIT_FOUND)
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
    except OSError as error:
        fail(f"the audit log cannot be read: {error.strerror or type(error).__name__}")
    if settlement is None:
        why = f"by the audit log, {wanted.agreement} was in force in no part of {period.name} that has begun"
        fail(f"{why}; an agreement comes into force on the log when a gateway first serves it")
    return Computed(settlement=settlement, source=loaded.source, log=loaded.log, tree=tree)


def _load(workspace: Workspace, wanted: Wanted, versions: tuple[Contract, ...], step: Step) -> Loaded:
    """Raises CorruptLogError, OSError and StoreError."""
    log, plans = workspace.settings.log_path(workspace.folder), workspace.plans

    async def load() -> Loaded:
        store = await open_store(workspace.settings, workspace.folder)
        try:
            if wanted.from_log:
                return await asyncio.to_thread(load_log, log, plans, await documents(store), step)
            return await load_counted(store, log, plans, versions, step)
        finally:
            await store.close()

    step("reading the state store", 0, 1)
    return asyncio.run(load())


def _tree(workspace: Workspace, partner: str) -> TreeHead | None:
    try:
        return tree_head(open_target(workspace.settings.published_at(workspace.folder)), partner)
    except TargetError as error:
        fail(str(error))
    except TileError as error:
        fail(f"what is published of {partner} does not verify: {error}", EXIT_FOUND)
    except StoppedError as error:
        fail(error.why.message)


@contextmanager
def _progress() -> Iterator[Step]:
    """A bar on standard error while it takes, on a terminal alone."""
    console = err()
    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("beginning", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)
