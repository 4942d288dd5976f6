"""The console's routes below /console/: which screen answers where."""

from collections.abc import Sequence
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from contracts.plan import Contract, Plans
from gateway.console.agreement_screen import Counters, agreement_counters, agreement_screen, choose_contract
from gateway.console.ecosystem_screen import ecosystem_screen
from gateway.console.entrance import admitted, site_router
from gateway.console.limit_uses import charges
from gateway.console.pages import Pages
from gateway.console.sign_off import SigningScreens, sign_off_handlers
from gateway.console.sign_off_screen import signatures
from gateway.console.static_files import FOREVER, REVALIDATE, StaticFiles
from gateway.console.visitor import Visitor, Visitors
from gateway.console.wiring import Console
from gateway.health.ecosystem import WINDOW_DAYS, ecosystem
from policies.limit import LimiterUnavailable, Moment

Web = Request[Any, Any, Any]


def console_routes(console: Console) -> Sequence[ControllerRouterHandler]:
    """Everything below /console/, ready for Litestar."""
    static = StaticFiles()
    pages, visitors = Pages(static), Visitors(console)
    signing = sign_off_handlers(SigningScreens(console, pages, visitors))
    handlers = [*_screen_handlers(_Screens(console, pages, visitors)), *signing, _static_handler(static)]
    return [site_router(console, pages, visitors, handlers)]


class _Screens:
    """The two screens and the parts of them that refresh."""

    def __init__(self, console: Console, pages: Pages, visitors: Visitors) -> None:
        self._console, self._pages, self._visitors = console, pages, visitors

    async def ecosystem(self, request: Web, *, part: bool) -> Response[Any]:
        """Every partner; as a part, the figures alone."""
        visitor = await admitted(request, self._pages, self._visitors, part=part)
        if isinstance(visitor, Response):
            return visitor
        now_s = self._console.now()
        found = ecosystem(self._console.tally, self._console.plans(), int(now_s))
        t = self._pages.catalogue(visitor.language)
        template = "ecosystem_rows.html" if part else "ecosystem.html"
        return self._page(template, visitor, here="ecosystem", screen=ecosystem_screen(found, now_s, t))

    async def agreement(self, request: Web, agreement: str, version: str | None, *, part: bool) -> Response[Any]:
        """One agreement version; as a part, its clauses with their figures."""
        visitor = await admitted(request, self._pages, self._visitors, part=part)
        if isinstance(visitor, Response):
            return visitor
        plans, now_s = self._console.plans(), int(self._console.now())
        contract = choose_contract(plans, agreement, version, now_s)
        if contract is None:
            message = self._pages.say(visitor.language, "error.no_agreement")
            return self._page("error.html", visitor, status=404, message=message)
        t = self._pages.catalogue(visitor.language)
        counters = await self._counters(contract, plans)
        screen = agreement_screen(contract, plans, self._console.tally, counters=counters, now_s=now_s, t=t)
        if part:
            return self._page("agreement_clauses.html", visitor, screen=screen)
        given = await self._console.sign_offs.given([contract])
        signed = signatures(given[contract.hash], contract)
        return self._page("agreement.html", visitor, screen=screen, signed=signed)

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


def _static_handler(static: StaticFiles) -> ControllerRouterHandler:
    @get("/static/{path:path}", sync_to_thread=False)
    def file(request: Web, path: FromPath[str]) -> Response[Any]:
        return _file(request, static, path)

    return file


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
