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
    """Reads cookies and headers; holds the sessions."""

    def __init__(self, console: Console) -> None:
        self.sessions = Sessions(console.now)

    def of(self, request: Request[Any, Any, Any], *, is_use: bool = True) -> Visitor:
        """The visitor behind a request. `is_use` False does not keep the session alive."""
        session = self.sessions.find(request.cookies.get(SESSION_COOKIE), is_use=is_use)
        language = choose(
            request.cookies.get(LANGUAGE_COOKIE),
            session.account.language if session else None,
            request.headers.get("accept-language"),
        )
        query = request.url.query
        return Visitor(session, language, request.url.path + (f"?{query}" if query else ""))
