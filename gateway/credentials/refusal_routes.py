"""Why was I refused? What is kept of refused calls, told to the partner that they were refused to."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.credentials.noted import RefusedCall
from gateway.credentials.reasons import words_of_error, words_of_reason
from gateway.credentials.refusals import Refusals
from gateway.partner.door import Answer, Handler, PartnerDoor, Visit
from gateway.problems import PROBLEMS
from gateway.store.refusals import KeptRefusals
from gateway.store.store import Store
from gateway.webhooks.notify import rfc3339
from gateway.webhooks.routes import unless_down
from policies.reference import ClauseRef, Language, Words

SHOWN_MAX: Final = 100
SHOWN: Final = 20
_LIMIT: Final[Words] = {
    "zh": f"`limit` 应为 1 至 {SHOWN_MAX} 的整数",
    "en": f"`limit` is a whole number from 1 to {SHOWN_MAX}",
}


class RefusalPages(Struct, frozen=True):
    """The handlers. `refusals` knows what was refused just now, `plans` the words of the clauses in force."""

    store: Store
    refusals: Refusals
    plans: Callable[[], Plans]

    async def latest(self, visit: Visit) -> Answer:
        """The latest of the caller's partner."""
        given = visit.parameters()
        if given is None or set(given) - {"limit"}:
            return visit.problem("invalid-parameter")
        limit = given.get("limit", str(SHOWN))
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= SHOWN_MAX):
            return visit.problem("invalid-parameter", detail=_LIMIT[visit.language])
        await self.refusals.flush()
        found = await KeptRefusals(self.store).latest(int(limit), partner=visit.grant.partner)
        return visit.answer({"refusals": [shown_refusal(each, visit.language, self.plans()) for each in found]})

    async def show(self, visit: Visit) -> Answer:
        """One, by the X-Request-Id of its answer."""
        await self.refusals.flush()
        request_id = visit.request.path_params["request_id"]
        # PostgreSQL takes a NUL for a fault of its own.
        found = await KeptRefusals(self.store).find(request_id) if request_id.isprintable() else None
        if found is None or found.partner != visit.grant.partner:
            return visit.problem("refusal-not-found")
        return visit.answer(shown_refusal(found, visit.language, self.plans()))


def refusal_routes(door: PartnerDoor, pages: RefusalPages) -> list[HTTPRouteHandler]:
    """The routes, for gateway/collaboration.py."""
    routes: dict[str, Handler] = {
        "/partner/refusals": pages.latest,
        "/partner/refusals/{request_id:str}": pages.show,
    }
    return [
        made for path, handler in routes.items() for made in door.routes(path, {"GET": partial(unless_down, handler)})
    ]


def shown_refusal(refused: RefusedCall, language: Language, plans: Plans) -> dict[str, Any]:
    """A refusal in words: what the caller was told, what it was not told, and the clause as it reads today."""
    title, advice = _said(refused.code, language)
    reason = words_of_reason(refused.reason)
    return {
        "request_id": refused.request_id,
        "time": rfc3339(refused.time_us),
        "door": refused.door,
        "client_id": refused.client_id or None,
        "status": refused.status,
        "code": refused.code,
        "title": title,
        "advice": advice or None,
        "reason": refused.reason or None,
        "detail": None if reason is None else reason[language],
        "clause": _shown_clause(refused, language, plans) if refused.clause else None,
    }


def _said(code: str, language: Language) -> tuple[str, str]:
    """What the caller was told, and what to do."""
    problem = PROBLEMS.get(code)
    if problem is not None:
        return problem.title[language], problem.advice[language]
    words = words_of_error(code)
    return (words[language] if words is not None else code), ""


def _shown_clause(refused: RefusedCall, language: Language, plans: Plans) -> dict[str, Any]:
    found = _clause(refused, plans)
    return {
        "agreement": refused.agreement,
        "version": refused.version,
        "id": refused.clause,
        "text": None if found is None else found.text[language],
    }


def _clause(refused: RefusedCall, plans: Plans) -> ClauseRef | None:
    for contract in plans.of_partner(refused.partner):
        if (contract.agreement, contract.version) == (refused.agreement, refused.version):
            return next((each for each in _clauses(contract) if each.id == refused.clause), None)
    return None


def _clauses(contract: Contract) -> tuple[ClauseRef, ...]:
    return (*contract.clauses, contract.effective_clause, contract.products_clause)
