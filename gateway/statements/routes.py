"""/partner/statements: what a partner reads of the statements of its agreements, and what it says of them.

A statement of another partner is not there: 404, like one that never was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from gateway.authority import AuthorityError
from gateway.partner.door import Answer, PartnerDoor, Visit
from gateway.statements.answering import Answering, NotTaken
from gateway.statements.answers import Countersign, Dispute, read_answer
from gateway.statements.document import read_statement
from gateway.statements.forms import Form, render
from gateway.statements.html import content_security_policy
from gateway.statements.issuing import told
from gateway.statements.page import lay_out
from gateway.store.faults import StoreError
from gateway.store.statements import KeptStatement, Statements
from policies.reference import LANGUAGES, Language, Words

PATH: Final = "/partner/statements"
_MEDIA: Mapping[Form, str] = {
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
_WHY: Mapping[str, Words] = {
    "replaced": {"zh": "该结算单已被修订版取代。", "en": "A revision has replaced this statement."},
    "answered": {"zh": "该结算单已有另一答复。", "en": "Another answer was given to this statement before."},
    "busy": {"zh": "另一答复正在记录中。", "en": "Another answer is being recorded at this moment."},
    "another-text": {"zh": "该哈希不是本结算单的哈希。", "en": "The hash is not that of this statement."},
    "bad-signature": {
        "zh": "该签名不是由本客户端已登记的密钥对本结算单作出。",
        "en": "The signature is not one over this statement by a key that this client has registered.",
    },
    "unknown-clause": {"zh": "结算单中没有该条款。", "en": "There is no such clause in the statement."},
    "unreadable": {"zh": "理由为空白或含控制字符。", "en": "The reason is blank, or holds control characters."},
}
_INVALID = frozenset({"bad-signature", "unknown-clause", "unreadable"})


def statement_routes(door: PartnerDoor, statements: Statements, answering: Answering) -> list[HTTPRouteHandler]:
    """The routes below /partner/statements."""
    desk = _Desk(statements, answering)
    return [
        *door.routes(PATH, {"GET": _guarded(desk.all)}),
        *door.routes(PATH + "/{statement:str}", {"GET": _guarded(desk.one)}),
        *door.routes(PATH + "/{statement:str}/countersign", {"POST": _guarded(desk.countersign)}),
        *door.routes(PATH + "/{statement:str}/dispute", {"POST": _guarded(desk.dispute)}),
    ]


def _guarded(handler: Callable[[Visit], Awaitable[Answer]]) -> Callable[[Visit], Awaitable[Answer]]:
    """What cannot be recorded or stored now is refused for now."""

    async def handle(visit: Visit) -> Answer:
        try:
            return await handler(visit)
        except AuthorityError:
            return visit.problem("log-unavailable", headers={"Retry-After": "5"})
        except StoreError:
            return visit.problem("state-unavailable", headers={"Retry-After": "5"})

    return handle


class _Desk:
    def __init__(self, statements: Statements, answering: Answering) -> None:
        self._statements, self._answering = statements, answering
        # One at a time: a page takes a core for a moment, and calls for data come first.
        self._rendering = asyncio.Semaphore(1)

    async def all(self, visit: Visit) -> Answer:
        kept = await self._statements.of_partner(visit.grant.partner)
        latest = _latest(kept)
        return visit.answer({"statements": [_listed(each, latest) for each in kept]})

    async def one(self, visit: Visit) -> Answer:
        kept = await self._find(visit)
        if kept is None:
            return visit.problem("statement-not-found")
        given = visit.parameters()
        form, language = (given or {}).get("format", "json"), (given or {}).get("language", visit.language)
        if given is None or not set(given) <= {"format", "language"} or form not in _MEDIA or language not in LANGUAGES:
            return visit.problem("invalid-parameter")
        replaced_by = await self._replaced_by(kept)
        if form == "json":
            return visit.answer(_whole(kept, replaced_by))
        return await self._rendered(visit, kept, form, language, replaced_by)  # type: ignore[arg-type]  # looked up above

    async def countersign(self, visit: Visit) -> Answer:
        said = await visit.body(Countersign)
        if isinstance(said, Response):
            return said
        kept = await self._find(visit)
        if kept is None:
            return visit.problem("statement-not-found")
        return self._answer(visit, await self._answering.countersign(kept, said, visit.grant.client))

    async def dispute(self, visit: Visit) -> Answer:
        said = await visit.body(Dispute)
        if isinstance(said, Response):
            return said
        kept = await self._find(visit)
        if kept is None:
            return visit.problem("statement-not-found")
        return self._answer(visit, await self._answering.dispute(kept, said, visit.grant.client))

    async def _find(self, visit: Visit) -> KeptStatement | None:
        kept = await self._statements.find(str(visit.request.path_params["statement"]))
        return kept if kept is not None and kept.partner == visit.grant.partner else None

    async def _replaced_by(self, kept: KeptStatement) -> str:
        latest = await self._statements.latest(kept.agreement, kept.period)
        return latest.id if latest is not None and latest.id != kept.id else ""

    async def _rendered(
        self, visit: Visit, kept: KeptStatement, form: Form, language: Language, replaced_by: str
    ) -> Answer:
        statement = read_statement(kept.json)
        made = datetime.fromisoformat(statement.settlement.settled_until)
        page = lay_out(statement, language, kept, replaced_by)
        async with self._rendering:
            data = await asyncio.to_thread(render, page, form, made)
        headers = {
            "Cache-Control": "no-store",
            "Content-Language": language,
            "X-Request-Id": visit.request_id,
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f'inline; filename="{kept.id}.{form}"',
            "Content-Type": _MEDIA[form],
        }
        if form == "html":
            headers["Content-Security-Policy"] = content_security_policy()
        return Response(data, status_code=200, headers=headers, media_type=_MEDIA[form])

    def _answer(self, visit: Visit, found: KeptStatement | NotTaken) -> Answer:
        if isinstance(found, NotTaken):
            words = _WHY[found.why][visit.language]
            if found.why in _INVALID:
                error = {"pointer": found.place, "code": found.why, "detail": words}
                return visit.problem("invalid-body", errors=[error])
            return visit.problem("statement-answered", detail=words)
        return visit.answer(_whole(found, ""))


def _latest(kept: tuple[KeptStatement, ...]) -> dict[tuple[str, str], KeptStatement]:
    found: dict[tuple[str, str], KeptStatement] = {}
    for each in kept:
        key = (each.agreement, each.period)
        if key not in found or found[key].revision < each.revision:
            found[key] = each
    return found


def _listed(kept: KeptStatement, latest: Mapping[tuple[str, str], KeptStatement]) -> dict[str, Any]:
    last = latest[(kept.agreement, kept.period)]
    settlement = read_statement(kept.json).settlement
    return {
        **told(kept),
        "issued": _time(kept.issued_us),
        "answered": _time(kept.answered_us),
        "replaced_by": last.id if last.id != kept.id else None,
        "totals": settlement.totals,
        "net": settlement.net,
    }


def _whole(kept: KeptStatement, replaced_by: str) -> dict[str, Any]:
    """The sealed statement as it is, and beside it how it stands."""
    return {
        "statement": msgspec.Raw(kept.json.encode()),
        "state": kept.state,
        "issued": _time(kept.issued_us),
        "answered": _time(kept.answered_us),
        "answered_by": kept.answered_by or None,
        "answer": read_answer(kept),
        "replaced_by": replaced_by or None,
    }


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else datetime.fromtimestamp(time_us // 1_000_000, UTC).isoformat()
