"""Who asks: the session behind a request's cookie, and the language to answer in."""

from typing import Any

from litestar import Request
from msgspec import Struct

from gateway.console.language import choose
from gateway.console.sessions import Session, Sessions
from gateway.console.wiring import Console
from policies.reference import Language

SESSION_COOKIE = "clausegate_console"
LANGUAGE_COOKIE = "clausegate_language"


class Visitor(Struct, frozen=True):
    """One request's person. `session` is None for somebody who is not logged in; `path` is where the page is."""

    session: Session | None
    language: Language
    path: str


class Visitors:
    """Reads cookies and headers, and asks for the session behind them."""

    def __init__(self, console: Console) -> None:
        self.sessions = Sessions(console.sessions, now=console.now, monotonic_ns=console.monotonic_ns)

    async def of(self, request: Request[Any, Any, Any], *, is_use: bool = True) -> Visitor:
        """The visitor behind a request. `is_use` False does not keep the session alive. Raises StoreError."""
        session = await self.sessions.find(request.cookies.get(SESSION_COOKIE), is_use=is_use)
        request.state.visitor = visitor = _visitor(request, session)
        return visitor


def known_visitor(request: Request[Any, Any, Any]) -> Visitor:
    """Whom `Visitors.of` found for this request; somebody who is not logged in if it never came so far."""
    found = request.state.get("visitor")
    return found if isinstance(found, Visitor) else _visitor(request, None)


def _visitor(request: Request[Any, Any, Any], session: Session | None) -> Visitor:
    language = choose(
        request.cookies.get(LANGUAGE_COOKIE),
        session.account.language if session else None,
        request.headers.get("accept-language"),
    )
    query = request.url.query
    return Visitor(session, language, request.url.path + (f"?{query}" if query else ""))
