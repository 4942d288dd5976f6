"""The console's routes below /console/: who may see what, and which screen answers."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import structlog
from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from contracts.plan import Contract, Plans
from gateway.console.agreement_screen import Counters, agreement_counters, agreement_screen, choose_contract
from gateway.console.answers import see_other
from gateway.console.ecosystem_screen import ecosystem_screen
from gateway.console.limit_uses import charges
from gateway.console.login import Login, safe_next
from gateway.console.pages import PRIVATE, SECURITY_HEADERS, Pages
from gateway.console.static_files import FOREVER, REVALIDATE, StaticFiles
from gateway.console.visitor import LANGUAGE_COOKIE, Visitor, Visitors, known_visitor
from gateway.console.wiring import Console
from gateway.health.ecosystem import WINDOW_DAYS, ecosystem
from gateway.store.faults import StoreError
from policies.limit import LimiterUnavailable, Moment

_log = structlog.get_logger(__name__)

_FORM_BYTES_MAX = 8 * 1024
_YEAR_S = 365 * 86_400
_RETRY_S = 5
_ERRORS = {400: "error.bad_request", 404: "error.not_found", 405: "error.method", 413: "error.too_large"}

Web = Request[Any, Any, Any]


def console_routes(console: Console) -> Sequence[ControllerRouterHandler]:
    """Everything below /console/, ready for Litestar."""
    static = StaticFiles()
    pages, visitors = Pages(static), Visitors(console)
    screens = _Screens(console, pages, visitors)
    login = Login(console, pages, visitors)
    return [
        Router(
            path="/console",
            route_handlers=[
                *_screen_handlers(screens),
                *_login_handlers(login),
                *_side_handlers(static, pages, visitors, secure=console.secure),
            ],
            after_request=_guarded,
            exception_handlers={Exception: _Failures(pages).answer},
            request_max_body_size=_FORM_BYTES_MAX,
            include_in_schema=False,
        )
    ]


class _Screens:
    """The two screens and the parts of them that refresh."""

    def __init__(self, console: Console, pages: Pages, visitors: Visitors) -> None:
        self._console, self._pages, self._visitors = console, pages, visitors

    async def ecosystem(self, request: Web, *, part: bool) -> Response[Any]:
        """Every partner; as a part, the figures alone."""
        visitor = await self._visitors.of(request, is_use=not part)
        if visitor.session is None:
            return _to_login(request, part=part)
        now_s = self._console.now()
        found = ecosystem(self._console.tally, self._console.plans(), int(now_s))
        t = self._pages.catalogue(visitor.language)
        template = "ecosystem_rows.html" if part else "ecosystem.html"
        return self._page(template, visitor, here="ecosystem", screen=ecosystem_screen(found, now_s, t))

    async def agreement(self, request: Web, agreement: str, version: str | None, *, part: bool) -> Response[Any]:
        """One agreement version; as a part, its clauses with their figures."""
        visitor = await self._visitors.of(request, is_use=not part)
        if visitor.session is None:
            return _to_login(request, part=part)
        plans, now_s = self._console.plans(), int(self._console.now())
        contract = choose_contract(plans, agreement, version, now_s)
        if contract is None:
            message = self._pages.say(visitor.language, "error.no_agreement")
            return self._page("error.html", visitor, status=404, message=message)
        t = self._pages.catalogue(visitor.language)
        counters = await self._counters(contract, plans)
        screen = agreement_screen(contract, plans, self._console.tally, counters=counters, now_s=now_s, t=t)
        template = "agreement_clauses.html" if part else "agreement.html"
        return self._page(template, visitor, screen=screen)

    async def _counters(self, contract: Contract, plans: Plans) -> Counters:
        console = self._console
        at = Moment(int(console.now() * 1_000_000), console.monotonic_ns())
        counted = agreement_counters(contract, plans, console.tally, console.limits_of, at.time_us)
        asked = charges(counted)
        try:
            standings = await console.counters.standings(asked, at) if asked else ()
        except LimiterUnavailable:
            return Counters(counted, None)
        return Counters(counted, {charge.key: found for charge, found in zip(asked, standings, strict=True)})

    def _page(self, template: str, visitor: Visitor, *, status: int = 200, **values: Any) -> Response[str]:
        shown = {"session": visitor.session, "path": visitor.path, "here": "", "window_days": WINDOW_DAYS} | values
        return self._pages.page(template, visitor.language, status=status, **shown)


def _screen_handlers(screens: _Screens) -> list[ControllerRouterHandler]:
    @get("/")
    async def ecosystem_page(request: Web) -> Response[Any]:
        return await screens.ecosystem(request, part=False)

    @get("/ecosystem")
    async def ecosystem_part(request: Web) -> Response[Any]:
        return await screens.ecosystem(request, part=True)

    @get("/agreements/{agreement:str}")
    async def agreement_page(
        request: Web, agreement: FromPath[str], version: FromQuery[str | None] = None
    ) -> Response[Any]:
        return await screens.agreement(request, agreement, version, part=False)

    @get("/agreements/{agreement:str}/clauses")
    async def agreement_part(
        request: Web, agreement: FromPath[str], version: FromQuery[str | None] = None
    ) -> Response[Any]:
        return await screens.agreement(request, agreement, version, part=True)

    return [ecosystem_page, ecosystem_part, agreement_page, agreement_part]


def _login_handlers(login: Login) -> list[ControllerRouterHandler]:
    @get("/login")
    async def login_page(request: Web) -> Response[Any]:
        return await login.form(request)

    @post("/login", status_code=200)
    async def login_try(request: Web) -> Response[Any]:
        return await login.enter(request)

    @post("/logout", status_code=303)
    async def logout(request: Web) -> Response[Any]:
        return await login.leave(request)

    return [login_page, login_try, logout]


def _side_handlers(
    static: StaticFiles, pages: Pages, visitors: Visitors, *, secure: bool
) -> list[ControllerRouterHandler]:
    @get("/static/{path:path}", sync_to_thread=False)
    def file(request: Web, path: FromPath[str]) -> Response[Any]:
        return _file(request, static, path)

    @get("/language/{language:str}", sync_to_thread=False)
    def switch(request: Web, language: FromPath[str]) -> Response[Any]:
        answer: Response[Any] = see_other(safe_next(request.query_params.get("next")))
        if language in ("zh", "en"):
            answer.set_cookie(
                Cookie(
                    key=LANGUAGE_COOKIE,
                    value=language,
                    path="/console",
                    max_age=_YEAR_S,
                    httponly=True,
                    samesite="lax",
                    secure=secure or request.url.scheme == "https",
                )
            )
        return answer

    @get("/{rest:path}")
    async def nowhere(request: Web, rest: FromPath[str]) -> Response[Any]:
        return error_page(pages, await visitors.of(request), 404, "error.not_found")

    return [file, switch, nowhere]


class _Failures:
    """What is said when a handler raises: a page in the person's language, never the reason in the program."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages  # and nothing that is open: Litestar copies handlers of exceptions in depth

    def answer(self, request: Web, error: Exception) -> Response[Any]:
        """A page for an HTTP error, a store that fails or a defect."""
        visitor = known_visitor(request)
        if isinstance(error, StoreError):
            _log.error("console cannot use the state store", kind=error.kind)
            answer = error_page(self._pages, visitor, 503, "error.unavailable")
            answer.headers["Retry-After"] = str(_RETRY_S)
            return _guarded(answer)
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status >= 500:
            _log.error("console failed", path=request.scope.get("path_template", ""), error=type(error).__name__)
        message = _ERRORS.get(status, "error.internal" if status >= 500 else "error.bad_request")
        return _guarded(error_page(self._pages, visitor, status, message))


def error_page(pages: Pages, visitor: Visitor, status: int, message: str) -> Response[Any]:
    """One sentence about what is wrong, and the way back."""
    return pages.page(
        "error.html",
        visitor.language,
        status=status,
        session=visitor.session,
        path=visitor.path,
        here="",
        message=pages.say(visitor.language, message),
    )


def _guarded(response: Response[Any]) -> Response[Any]:
    response.headers.update(SECURITY_HEADERS)
    return response


def _to_login(request: Web, *, part: bool) -> Response[Any]:
    """A part that refreshes itself cannot follow a redirect into its own place: it sends the whole page there."""
    if part:
        return Response(
            b"", status_code=401, media_type=MediaType.TEXT, headers={"HX-Redirect": "/console/login", **PRIVATE}
        )
    path = request.url.path
    return see_other("/console/login" if path.rstrip("/") == "/console" else f"/console/login?next={quote(path)}")


def _file(request: Web, static: StaticFiles, path: str) -> Response[Any]:
    found = static.find(path)
    if found is None:
        return Response(b"", status_code=404, media_type=MediaType.TEXT, headers={"Cache-Control": "no-store"})
    etag = f'"{found.version}"'
    caching = FOREVER if request.query_params.get("v") == found.version else REVALIDATE
    headers = {"Cache-Control": caching, "ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)
