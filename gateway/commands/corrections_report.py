"""What `clausegate corrections` reads and does: the store, the log, and records through their reporter's view."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from contracts.granted import TEXT_TYPES
from contracts.plan import Plans
from gateway.authority import Administration
from gateway.commands.administering import administer
from gateway.commands.tables import table
from gateway.commands.terminal import fail, printable
from gateway.corrections.checking import Claimed, Doubt, check_fix, check_report
from gateway.corrections.comparing import ENOUGH, granted
from gateway.corrections.life import Actor, CorrectionLife, NewReport, Refused
from gateway.corrections.reading import ViewReader
from gateway.corrections.shown import document
from gateway.corrections.steps import Action
from gateway.corrections.under import NoClause, clause_for, clause_of, contract_for, reading_plan
from gateway.reload import connect_all
from gateway.store.corrections import Corrections, KeptCorrection, Sought
from gateway.store.faults import StoreError
from gateway.store.opening import open_store
from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
from gateway.store.store import Store
from gateway.webhooks.notify import Outbox
from gateway.workspace import Workspace
from policies.keys import PartnerKeys

_FOUND: Final[Mapping[str, str]] = {
    "agrees": "the record shows what is expected",
    "agrees-masked": "the field is masked, and shows what the expected value would look like",
    "differs": "the record does not show what is expected",
    "incomparable": "the field is masked or holds several values: nobody can tell from the reporter's view",
    "gone": "the record is not in the reporter's view any more",
    "unreadable": "the record cannot be read through the reporter's view",
}
_DOUBTS: Final[Mapping[str, str]] = {
    "unknown-product": "the partner cannot read this product under the agreement in force",
    "invalid-fields": "the partner's view does not show this field",
    "record-not-found": "the partner sees no record under this key",
}


class Reported(Struct, frozen=True):
    """What the hub says is wrong in a partner's data."""

    partner: str
    product: str
    key: str
    field: str
    expected: str
    severity: str
    evidence: str
    clause: str


def read_all(workspace: Workspace, partner: str | None, state: str | None) -> list[dict[str, Any]]:
    """Every correction that is wanted, the latest report first, as the hub sees it."""

    async def read(kept: Corrections) -> list[dict[str, Any]]:
        return [await _document(workspace.plans, kept, each) for each in await kept.find_all(Sought(partner, state))]

    return asyncio.run(_reading(workspace, read))


def read_one(workspace: Workspace, name: str) -> dict[str, Any]:
    """One of them. Ends the command where there is none."""

    async def read(kept: Corrections) -> dict[str, Any] | None:
        found = await kept.find(name)
        return None if found is None else await _document(workspace.plans, kept, found)

    return asyncio.run(_reading(workspace, read)) or fail(_unknown(name))


async def _reading(workspace: Workspace, read: Any) -> Any:
    try:
        store = await open_store(workspace.settings, workspace.folder)
        try:
            return await read(Corrections(store))
        finally:
            await store.close()
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")


async def _document(plans: Plans, kept: Corrections, correction: KeptCorrection) -> dict[str, Any]:
    steps = await kept.steps_of(correction.id)
    return document(plans, correction, steps, side="hub", now_us=time.time_ns() // 1000)


def act(workspace: Workspace, name: str, action: Action, reason: str, account: str) -> dict[str, Any]:
    """Take a step as the hub. Ends the command where it cannot be taken."""

    async def work(administration: Administration) -> dict[str, Any]:
        life = _life(administration)
        found = await life.kept.find(name) or fail(_unknown(name))
        words = {"reason": reason} if reason else {}
        if action == "fix" and found.owed_by == "hub" and "fix" in _may(found):
            words["found"] = await _checked(workspace, administration, found, reason)
        clause = clause_of(workspace.plans, found)
        taken = await life.take(found, action, Actor("hub", None, account), words=words, clause=clause)
        if isinstance(taken, Refused):
            fail(_refused(taken, found, action))
        return await _document(workspace.plans, life.kept, taken)

    return administer(workspace, work)


async def _checked(workspace: Workspace, administration: Administration, found: KeptCorrection, note: str) -> str:
    """What the record shows. Ends the command where it does not show the correction and no note says why."""
    async with _through_views(workspace, administration.store) as (plans, reader):
        shown = await check_fix(plans, reader, found)
    if shown not in ENOUGH and not note:
        fail(f"{found.id} is not fixed: {_FOUND[shown]}; when it is right all the same, say why with --note")
    return shown


def report_error(workspace: Workspace, said: Reported, account: str) -> dict[str, Any]:
    """Report an error in a partner's data. Ends the command where there is no such clause, field or record."""

    async def work(administration: Administration) -> dict[str, Any]:
        async with _through_views(workspace, administration.store) as (plans, reader):
            contract = contract_for(plans, said.partner, said.product, int(time.time()))
            if contract is None:
                fail(f"{said.partner} has no agreement in force about {said.product}")
            clause = clause_for(contract, said.product, "partner", said.severity, said.clause)
            if isinstance(clause, NoClause):
                fail(clause.words["en"])
            expected = _expected(plans, said)
            claimed = Claimed(said.product, said.key, said.field, expected)
            checked = await check_report(plans, contract, reader, claimed)
            if isinstance(checked, Doubt):
                fail(
                    checked.words["en"]
                    if checked.words
                    else _DOUBTS.get(checked.code, f"the record cannot be read: {checked.code}")
                )
        words = {"key": said.key, "expected": expected, "evidence": said.evidence, "found": checked.found}
        life = _life(administration)
        new = NewReport(contract, clause, said.severity, said.product, said.field, words)
        made = await life.report(new, Actor("hub", None, account))
        if isinstance(made, Refused):
            fail("a report about this value is open already" if made.why == "twice" else "too many reports are open")
        return await _document(workspace.plans, life.kept, made)

    return administer(workspace, work)


def _expected(plans: Plans, said: Reported) -> str:
    """The value as JSON: of a field that holds text, the text itself."""
    contract = contract_for(plans, said.partner, said.product, int(time.time()))
    plan = None if contract is None else reading_plan(plans, contract, said.product)
    field = None if plan is None else granted(plan, said.field)
    text = field is not None and field.leaf is not None and field.leaf.logical_type in TEXT_TYPES
    return json.dumps(said.expected, ensure_ascii=False) if text and said.expected != "null" else said.expected


@asynccontextmanager
async def _through_views(workspace: Workspace, store: Store) -> AsyncIterator[tuple[Plans, ViewReader]]:
    """The plans with the partners' keys, where there are any, and a reader whose connections are closed at the end."""
    secret = await ServerSecrets(store).find(PSEUDONYM_SECRET)
    plans = workspace.plans
    if secret is not None:
        plans = plans.with_keys(lambda partner: PartnerKeys(secret.reveal(), partner))
    adapters = connect_all(workspace.backends, {}, {})
    try:
        yield plans, ViewReader(lambda: adapters)
    finally:
        for adapter in adapters.values():
            await adapter.close()


def _life(administration: Administration) -> CorrectionLife:
    return CorrectionLife(administration.store, administration.writer, Outbox(administration.store).notify)


def _may(found: KeptCorrection) -> tuple[Action, ...]:
    from gateway.corrections.steps import may_follow

    return may_follow(found.state, found.owed_by, "hub")


def _unknown(name: str) -> str:
    return f"there is no correction {name}; `clausegate corrections` lists all"


def _refused(refused: Refused, found: KeptCorrection, action: Action) -> str:
    if refused.why == "too-late":
        return f"{found.id} can be reopened no more: the time that the clause leaves for that is over"
    if refused.why == "too-many":
        return f"{found.id} has too many steps: settle it otherwise"
    may = _may(found)
    follows = f"the hub may {' or '.join(may)} it" if may else "there is nothing that the hub may do"
    return f"{found.id} is {refused.state or found.state}, and {action} is no step from there: {follows}"


def as_table(found: Iterable[dict[str, Any]]) -> Table:
    """Those found for people."""
    shown = table(
        "correction", "state", "partner", "clause", "severity", "product", "field", "acknowledge by", "fix by"
    )
    for each in found:
        due, late = each["deadlines"], each["overdue"]
        limits = [f"{due.get(part) or '-'}{' OVERDUE' if part in late else ''}" for part in ("acknowledge", "fix")]
        where = (each["partner"], f"{each['agreement']} {each['clause']}", each["severity"], each["product"])
        shown.add_row(each["id"], each["state"], *map(escape, (*where, each["field"])), *limits)
    return shown


def in_full(found: dict[str, Any]) -> RenderableType:
    """One of them for people."""
    facts = Table.grid(padding=(0, 2))
    late = found["overdue"]
    for name in ("id", "state", "partner", "agreement", "clause", "owed_by", "severity", "product", "field"):
        facts.add_row(f"[bold]{name}[/]", escape(printable(str(found[name]))))
    for name in ("key", "expected", "evidence"):
        value = found[name]
        said = "erased" if value is None else value if isinstance(value, str) else bytes(value).decode()
        facts.add_row(f"[bold]{name}[/]", escape(printable(said)))
    for part, due in found["deadlines"].items():
        facts.add_row(f"[bold]{part} by[/]", f"{due or 'no business hours come'}{' OVERDUE' if part in late else ''}")
    if found["reopen_until"] is not None:
        facts.add_row("[bold]reopen until[/]", found["reopen_until"])
    facts.add_row("[bold]may follow[/]", ", ".join(found["may"]) or "nothing by the hub")
    steps = table("step", "at", "words")
    for step in found["steps"]:
        words = "; ".join(filter(None, (_FOUND.get(step.get("found", ""), ""), step.get("reason", ""))))
        steps.add_row(step["action"], step["at"], escape(printable(words)))
    return Group(facts, "", steps)


def in_short(found: dict[str, Any]) -> str:
    """One line: what it is now, and by when it is to be corrected."""
    due = found["deadlines"].get("fix")
    until = f", to be corrected by {due}" if due and found["state"] in ("reported", "acknowledged", "reopened") else ""
    return f"{found['id']} of {found['partner']} is {found['state']}{until}"
