"""/partner/corrections: partners report errors in the hub's data, and answer for those that the hub finds in theirs."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from contracts.plan import Contract, Plans
from gateway.authority import AuthorityError
from gateway.corrections.checking import SHOWN_ALREADY, Claimed, Doubt, check_fix, check_report
from gateway.corrections.comparing import ENOUGH, TEXT_CHARACTERS_MAX
from gateway.corrections.guessing import Guesses
from gateway.corrections.life import Actor, CorrectionLife, NewReport, Refused
from gateway.corrections.reading import Reader
from gateway.corrections.repeating import Repeating
from gateway.corrections.shown import document
from gateway.corrections.steps import Action
from gateway.corrections.under import NoClause, clause_for, clause_of, contract_for, in_force, reading_plan
from gateway.partner.door import Answer, PartnerDoor, Visit
from gateway.store.corrections import KeptCorrection, Sought
from gateway.store.faults import StoreError
from policies.reference import ClauseRef, Words

PATH: Final = "/partner/corrections"
PAGE_MAX: Final = 100
_PAGE: Final = 50
_STATES: Final = frozenset({"open", "reported", "acknowledged", "fixed", "rejected", "reopened", "withdrawn"})
_LIMIT: Final[Words] = {
    "zh": f"`limit` 应为 1 至 {PAGE_MAX} 的整数",
    "en": f"`limit` is a whole number from 1 to {PAGE_MAX}",
}
_WHICH_STATES: Final[Words] = {
    "zh": f"`state` 应为以下之一：{', '.join(sorted(_STATES))}",
    "en": f"`state` is one of: {', '.join(sorted(_STATES))}",
}
_RETRY = {"Retry-After": "5"}
_GUESSED: Final[Words] = {
    "zh": "过多的报告未能成立：没有该记录，或记录已为所称的值",
    "en": "too many reports came to nothing: no such record, or one that shows the value already",
}
_WHY: Final[Mapping[str, Words]] = {
    "too-many": {
        "zh": "未结的报告过多，或本报告的步骤过多",
        "en": "too many reports are open, or this one has too many steps",
    },
    "twice": {"zh": "就该值已有一项未结的报告", "en": "a report about this value is open already"},
    "too-late": {"zh": "可重新提出的期限已过", "en": "the time in which it may be reopened is over"},
}

_log = structlog.get_logger(__name__)

Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]
Reason = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]


class ReportBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /partner/corrections` takes. `expected` is a single value; `evidence` words or links."""

    product: Annotated[str, Meta(max_length=256)]
    key: Annotated[str, Meta(min_length=1, max_length=256)]
    field: Annotated[str, Meta(max_length=512)]
    expected: msgspec.Raw
    severity: Annotated[str, Meta(max_length=64)]
    evidence: Text = ""
    clause: Annotated[str, Meta(max_length=32)] = ""


class ActionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What a step may say: why. Who rejects has to."""

    reason: Text = ""


class RejectBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why the record is right as it is."""

    reason: Reason


class CorrectionPages:
    """What the routes need. `plans` are those in force now."""

    def __init__(
        self,
        life: CorrectionLife,
        reader: Reader,
        plans: Callable[[], Plans],
        repeating: Repeating,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic_s: Callable[[], float] = time.monotonic,
        suspended: Callable[[Contract], ClauseRef | None] = lambda _: None,
    ) -> None:
        """`suspended` names the clause under which an agreement is interrupted now."""
        self._life, self._reader, self._plans, self._now_us = life, reader, plans, now_us
        self._guesses, self._suspended = Guesses(monotonic_s), suspended
        self._repeating = repeating

    async def list_all(self, visit: Visit) -> Answer:
        """The partner's own, the latest first: `state`, `limit`, and `after`, the id of the last one of a page."""
        given = visit.parameters()
        if given is None or given.keys() - {"state", "limit", "after"}:
            return visit.problem("invalid-parameter")
        limit, state = given.get("limit", str(_PAGE)), given.get("state")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:4]) <= PAGE_MAX) or len(limit) > 3:
            return visit.problem("invalid-limit", detail=_LIMIT[visit.language])
        if state is not None and state not in _STATES:
            return visit.problem("invalid-parameter", detail=_WHICH_STATES[visit.language])
        before = None
        if "after" in given:
            last = await self._mine(visit, given["after"])
            if last is None:
                return visit.problem("correction-not-found")
            before = (last.reported_us, last.id)
        size = int(limit)
        found = await self._life.kept.find_all(Sought(visit.grant.partner, state, before, size + 1))
        shown = [await self._document(each) for each in found[:size]]
        return visit.answer({"data": shown, "next": found[size - 1].id if len(found) > size else None})

    async def show(self, visit: Visit) -> Answer:
        """One of them."""
        found = await self._mine(visit, visit.request.path_params["correction"])
        return visit.problem("correction-not-found") if found is None else visit.answer(await self._document(found))

    async def report(self, visit: Visit) -> Answer:
        """A new report, under the partner's agreement in force."""
        body = await visit.body(ReportBody)
        if isinstance(body, Response):
            return body
        return await self._repeating.once(visit, "report", msgspec.json.encode(body), lambda: self._report(visit, body))

    async def _report(self, visit: Visit, body: ReportBody) -> Answer:
        plans, partner, now_s = self._plans(), visit.grant.partner, visit.time_us // 1_000_000
        contract = contract_for(plans, partner, body.product, now_s)
        if contract is None:
            current = in_force(plans, partner, now_s)
            return visit.problem("unknown-product", clause=current[0].products_clause if current else None)
        if (suspending := self._suspended(contract)) is not None:
            return visit.problem("suspended", clause=suspending)
        if (wait_s := self._guesses.wait_s(partner)) is not None:
            return visit.problem("rate-limited", detail=_GUESSED[visit.language], headers={"Retry-After": str(wait_s)})
        plan = reading_plan(plans, contract, body.product)
        if plan is not None and plan.scope not in visit.grant.scopes:
            return visit.problem("insufficient-scope")
        clause = clause_for(contract, body.product, "hub", body.severity, body.clause)
        if isinstance(clause, NoClause):
            return visit.invalid_member(clause.parameter, clause.words)
        expected = bytes(body.expected).decode()
        checked = await check_report(
            plans, contract, self._reader, Claimed(body.product, body.key, body.field, expected)
        )
        if isinstance(checked, Doubt):
            if checked.code == "record-not-found" or checked.words == SHOWN_ALREADY:
                self._guesses.note(partner)
            return _doubted(visit, checked, contract)
        words = {"key": body.key, "expected": expected, "evidence": body.evidence, "found": checked.found}
        new = NewReport(contract, clause, body.severity, body.product, body.field, words)
        made = await self._life.report(new, self._actor(visit))
        if isinstance(made, Refused):
            return _refused(visit, made)
        return visit.answer(await self._document(made), 201, {"Location": f"{PATH}/{made.id}"})

    async def act(self, visit: Visit) -> Answer:
        """A step with one: acknowledge, fix, reject, reopen, withdraw."""
        name, step = visit.request.path_params["correction"], visit.request.path_params["action"]
        actions: dict[str, Action] = {
            "acknowledge": "acknowledge",
            "fix": "fix",
            "reject": "reject",
            "reopen": "reopen",
            "withdraw": "withdraw",
        }
        if step not in actions:
            return visit.problem("not-found")
        action = actions[step]
        body: ActionBody | RejectBody | Answer = await visit.body(RejectBody if action == "reject" else ActionBody)
        if isinstance(body, Response):
            return body
        reason = body.reason
        return await self._repeating.once(
            visit, f"{name} {action}", reason.encode(), lambda: self._act(visit, name, action, reason)
        )

    async def _act(self, visit: Visit, name: str, action: Action, reason: str) -> Answer:
        found, words = await self._mine(visit, name), {"reason": reason} if reason else {}
        if found is None:
            return visit.problem("correction-not-found")
        if action == "fix" and found.owed_by == "partner":
            checked = await check_fix(self._plans(), self._reader, found)
            if checked not in ENOUGH and not reason:
                read: Words = {
                    "zh": f"重新读取该记录的结果为 {checked}，请说明理由",
                    "en": f"the record as it is read: {checked}; give a reason",
                }
                return visit.problem("correction-state", detail=read[visit.language])
            words["found"] = checked
        clause = clause_of(self._plans(), found)
        taken = await self._life.take(found, action, self._actor(visit), words=words, clause=clause)
        return _refused(visit, taken) if isinstance(taken, Refused) else visit.answer(await self._document(taken))

    async def _mine(self, visit: Visit, name: str) -> KeptCorrection | None:
        found = await self._life.kept.find(name)
        return found if found is not None and found.partner == visit.grant.partner else None

    def _actor(self, visit: Visit) -> Actor:
        return Actor("partner", visit.grant.partner, visit.grant.client)

    async def _document(self, correction: KeptCorrection) -> dict[str, Any]:
        steps = await self._life.kept.steps_of(correction.id)
        return document(self._plans(), correction, steps, side="partner", now_us=self._now_us())


def correction_routes(pages: CorrectionPages, door: PartnerDoor) -> list[HTTPRouteHandler]:
    """The routes below /partner/corrections."""
    guarded = _guarded
    return [
        *door.routes(PATH, {"GET": guarded(pages.list_all), "POST": guarded(pages.report)}),
        *door.routes(f"{PATH}/{{correction:str}}", {"GET": guarded(pages.show)}),
        *door.routes(f"{PATH}/{{correction:str}}/{{action:str}}", {"POST": guarded(pages.act)}),
    ]


def _guarded(handler: Any) -> Any:
    """The handler, with what the state store and the log may fail of as problems."""

    async def handle(visit: Visit) -> Answer:
        try:
            answer: Answer = await handler(visit)
        except StoreError as error:
            _log.error("corrections cannot be read or written", request_id=visit.request_id, error=str(error))
            return visit.problem("state-unavailable", headers=_RETRY)
        except AuthorityError as error:
            _log.error("log unavailable", request_id=visit.request_id, error=str(error))
            return visit.problem("log-unavailable", headers=_RETRY)
        return answer

    return handle


def _doubted(visit: Visit, doubt: Doubt, contract: Contract) -> Answer:
    if doubt.words is not None:
        return visit.invalid_member(doubt.member, doubt.words)
    return visit.problem(doubt.code, clause=contract.products_clause if doubt.code == "unknown-product" else None)


def _refused(visit: Visit, refused: Refused) -> Answer:
    if refused.why == "unknown":
        return visit.problem("correction-not-found")
    return visit.problem("correction-state", detail=_WHY[refused.why][visit.language] if refused.why in _WHY else "")
