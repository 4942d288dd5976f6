"""Logging in and out: throttled, with form tokens, and a new session id each time."""

import secrets
from typing import Any

from litestar import Request, Response
from litestar.datastructures import Cookie

from gateway.console.answers import see_other
from gateway.console.pages import Pages
from gateway.console.sessions import ABSOLUTE_S, same
from gateway.console.visitor import SESSION_COOKIE, Visitor, Visitors
from gateway.console.wiring import Console

FORM_COOKIE = "clausegate_form"
_USERNAME_MAX = 64
_PASSWORD_MAX = 256
_HOME = "/console/"

Web = Request[Any, Any, Any]


def safe_next(path: str | None) -> str:
    """Where to go after a form: a page of the console, never another host."""
    if not path or not path.startswith(_HOME) or "\\" in path or "//" in path or not path.isascii():
        return _HOME
    return path if path.isprintable() and not path.startswith((f"{_HOME}log", f"{_HOME}language")) else _HOME


class Login:
    """The login form and what it leads to.

    A form without a session is guarded by a double-submit cookie, one with a session by that session's own token.
    """

    def __init__(self, console: Console, pages: Pages, visitors: Visitors) -> None:
        self._console, self._pages, self._visitors = console, pages, visitors

    async def form(self, request: Web) -> Response[Any]:
        """The empty form; whoever is logged in already is sent on."""
        visitor = await self._visitors.of(request)
        target = safe_next(request.query_params.get("next"))
        if visitor.session is not None:
            return see_other(target)
        return self._form(request, visitor, target)

    async def enter(self, request: Web) -> Response[Any]:
        """Check a password. Wrong names and wrong passwords get one answer."""
        visitor = await self._visitors.of(request)
        fields = await _fields(request)
        username, password = fields.get("username", "")[: _USERNAME_MAX + 1], fields.get("password", "")
        target = safe_next(fields.get("next"))
        if not same(fields.get("form_token", ""), request.cookies.get(FORM_COOKIE, "")):
            return self._form(request, visitor, target, username=username, status=403, problem="login.expired")
        source = self._console.source_of(request.scope)
        wait_s = await self._console.allow_login(username[:_USERNAME_MAX], source)
        if wait_s is not None:
            answer = self._form(
                request, visitor, target, username=username, status=429, problem="login.throttled", seconds=wait_s
            )
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        fits = 0 < len(username) <= _USERNAME_MAX and 0 < len(password) <= _PASSWORD_MAX
        account = await self._console.accounts.check(username, password) if fits else None
        session_id = await self._visitors.sessions.begin(account) if account is not None else None
        if session_id is None:
            return self._form(request, visitor, target, username=username, status=401, problem="login.wrong")
        if visitor.session is not None:
            await self._visitors.sessions.end(request.cookies.get(SESSION_COOKIE))
        answer = see_other(target)
        answer.set_cookie(self._cookie(request, SESSION_COOKIE, session_id, max_age=ABSOLUTE_S))
        answer.set_cookie(self._cookie(request, FORM_COOKIE, "", max_age=0))
        return answer

    async def leave(self, request: Web) -> Response[Any]:
        """End the session, if the form is the console's own."""
        visitor = await self._visitors.of(request)
        fields = await _fields(request)
        if visitor.session is not None and not same(fields.get("form_token", ""), visitor.session.form_token):
            return self._pages.page(
                "error.html",
                visitor.language,
                status=403,
                session=visitor.session,
                path=_HOME,
                here="",
                message=self._pages.say(visitor.language, "error.bad_form"),
            )
        if visitor.session is not None:
            await self._visitors.sessions.end(request.cookies.get(SESSION_COOKIE))
        answer = see_other(f"{_HOME}login")
        answer.set_cookie(self._cookie(request, SESSION_COOKIE, "", max_age=0))
        return answer

    def _form(
        self,
        request: Web,
        visitor: Visitor,
        target: str,
        *,
        username: str = "",
        status: int = 200,
        problem: str = "",
        **arguments: object,
    ) -> Response[Any]:
        token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
        answer = self._pages.page(
            "login.html",
            visitor.language,
            status=status,
            session=None,
            path=f"{_HOME}login",
            here="login",
            form_token=token,
            next=target,
            username=username[:_USERNAME_MAX],
            problem=self._pages.say(visitor.language, problem, **arguments) if problem else "",
        )
        answer.set_cookie(self._cookie(request, FORM_COOKIE, token, max_age=ABSOLUTE_S))
        return answer

    def _cookie(self, request: Web, key: str, value: str, *, max_age: int) -> Cookie:
        secure = self._console.secure or request.url.scheme == "https"
        return Cookie(
            key=key, value=value, path="/console", max_age=max_age, httponly=True, samesite="lax", secure=secure
        )


async def _fields(request: Web) -> dict[str, str]:
    """A form's text fields; of a repeated one the first."""
    form = await request.form()
    return {name: value for name, value in reversed(list(form.multi_items())) if isinstance(value, str)}
