"""What the console and the portal have in common: logging in and out, the language, and pages that are not there."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from litestar import MediaType, Request, Response, Router, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from gateway.console.answers import see_other
from gateway.console.cookies import LANGUAGE_COOKIE
from gateway.console.failures import Failures, Foreign, error_page, guarded, not_for_role
from gateway.console.login import Login
from gateway.console.oidc_login import OidcLogin
from gateway.console.pages import PRIVATE, Pages
from gateway.console.site import Site, safe_next
from gateway.console.visitor import Visitor, Visitors
from gateway.console.wiring import Console
from gateway.people.roles import may

_FORM_BYTES_MAX: Final = 8 * 1024
_YEAR_S: Final = 365 * 86_400

Web = Request[Any, Any, Any]


def site_router(
    console: Console, pages: Pages, visitors: Visitors, handlers: Sequence[ControllerRouterHandler]
) -> Router:
    """A site with these screens behind its login; every form is held against where it comes from."""
    login, oidc = Login(console, pages, visitors), OidcLogin(console, pages, visitors)
    return Router(
        path=pages.site.base.rstrip("/"),
        route_handlers=[*handlers, *_login_handlers(login, oidc), *_side_handlers(pages, visitors)],
        before_request=Foreign(pages, console.public_url),
        after_request=guarded,
        exception_handlers={Exception: Failures(pages).answer},
        request_max_body_size=_FORM_BYTES_MAX,
        include_in_schema=False,
    )


async def admitted(request: Web, pages: Pages, visitors: Visitors, *, part: bool = False) -> Visitor | Response[Any]:
    """The visitor who may see this site; or the way to the login, or that it is for others.

    A part that refreshes itself keeps no session alive, and cannot follow a redirect into its own place: it sends the
    whole page there.
    """
    visitor = await visitors.of(request, is_use=not part)
    if visitor.session is not None and may(visitor.session.account.role, pages.site.needs):
        return visitor
    if visitor.session is not None:
        return not_for_role(pages, visitor, pages.site.needs)
    return to_login(request, pages.site, part=part)


def to_login(request: Web, site: Site, *, part: bool) -> Response[Any]:
    """To the login form, and afterwards back here."""
    login = f"{site.base}login"
    if part:
        return Response(b"", status_code=401, media_type=MediaType.TEXT, headers={"HX-Redirect": login, **PRIVATE})
    path = request.url.path
    return see_other(login if path.rstrip("/") == site.base.rstrip("/") else f"{login}?next={quote(path)}")


def _login_handlers(login: Login, oidc: OidcLogin) -> list[ControllerRouterHandler]:
    @get("/login")
    async def login_page(request: Web) -> Response[Any]:
        return await login.form(request)

    @post("/login", status_code=200)
    async def login_try(request: Web) -> Response[Any]:
        return await login.enter(request)

    @post("/logout", status_code=303)
    async def logout(request: Web) -> Response[Any]:
        return await login.leave(request)

    @get("/oidc")
    async def provider(request: Web) -> Response[Any]:
        return await oidc.begin(request)

    @get("/oidc/callback")
    async def provider_back(request: Web) -> Response[Any]:
        return await oidc.finish(request)

    return [login_page, login_try, logout, provider, provider_back]


def _side_handlers(pages: Pages, visitors: Visitors) -> list[ControllerRouterHandler]:
    @get("/language/{language:str}", sync_to_thread=False)
    def switch(request: Web, language: FromPath[str]) -> Response[Any]:
        answer: Response[Any] = see_other(safe_next(request.query_params.get("next"), pages.site))
        if language in ("zh", "en"):
            answer.set_cookie(visitors.cookies.make(request, LANGUAGE_COOKIE, language, max_age_s=_YEAR_S))
        return answer

    @get("/{rest:path}")
    async def nowhere(request: Web, rest: FromPath[str]) -> Response[Any]:
        return error_page(pages, await visitors.of(request), 404, "error.not_found")

    return [switch, nowhere]
