"""Who asks: the session behind a request's cookie, and the language to answer in."""

from typing import Any

from litestar import Request
from msgspec import Struct

from gateway.console.cookies import LANGUAGE_COOKIE, SESSION_COOKIE, Cookies
from gateway.console.language import choose
from gateway.console.sessions import Session, Sessions
from gateway.console.wiring import Console
from policies.reference import Language

__all__ = ["LANGUAGE_COOKIE", "SESSION_COOKIE", "Visitor", "Visitors", "known_visitor"]


class Visitor(Struct, frozen=True):
    """One request's person. `session` is None for somebody who is not logged in; `path` is where the page is."""

    session: Session | None
    language: Language
    path: str


class Visitors:
    """Reads cookies and headers, and asks for the session behind them."""

    def __init__(self, console: Console) -> None:
        self.sessions = Sessions(console.sessions, now=console.now, monotonic_ns=console.monotonic_ns)
        self.cookies = Cookies(secure=console.secure)

    async def of(self, request: Request[Any, Any, Any], *, is_use: bool = True) -> Visitor:
        """The visitor behind a request. `is_use` False does not keep the session alive. Raises StoreError."""
        session = await self.sessions.find(self.cookies.read(request, SESSION_COOKIE), is_use=is_use)
        language = _language(request, session, self.cookies.read(request, LANGUAGE_COOKIE))
        request.state.visitor = visitor = Visitor(session, language, _path(request))
        return visitor


def known_visitor(request: Request[Any, Any, Any]) -> Visitor:
    """Whom `Visitors.of` found for this request; somebody who is not logged in if it never came so far."""
    found = request.state.get("visitor")
    if isinstance(found, Visitor):
        return found
    # No secret: whichever of its two names the cookie has.
    said = request.cookies.get(f"__Host-{LANGUAGE_COOKIE}") or request.cookies.get(LANGUAGE_COOKIE)
    return Visitor(None, _language(request, None, said), _path(request))


def _language(request: Request[Any, Any, Any], session: Session | None, cookie: str | None) -> Language:
    return choose(cookie, session.account.language if session else None, request.headers.get("accept-language"))


def _path(request: Request[Any, Any, Any]) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
