"""Logging in with a local account, and out: throttled, with form tokens, and a new session id each time."""

import secrets
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from litestar import Request, Response

from gateway.console.answers import see_other
from gateway.console.cookies import CONFIRMED_COOKIE, FORM_COOKIE, SESSION_COOKIE
from gateway.console.failures import error_page
from gateway.console.pages import Pages
from gateway.console.sessions import ABSOLUTE_S, form_token_of, same
from gateway.console.site import Site, safe_next
from gateway.console.visitor import Visitor, Visitors
from gateway.console.wiring import Console, ConsoleAccount
from gateway.people.confirmation import FRESH_S
from gateway.people.roles import home_of, may

_USERNAME_MAX: Final = 64
_PASSWORD_MAX: Final = 256
_CODE_MAX: Final = 16

Web = Request[Any, Any, Any]
Confirm: TypeAlias = Callable[[str], str]
"""From the form token of the session that begins to the cookie of a confirmation."""


class Entry:
    """What every login ends in: a session that begins, whatever it was that proved who it is."""

    def __init__(self, visitors: Visitors, site: Site) -> None:
        self._visitors, self._site = visitors, site

    async def admit(
        self, request: Web, account: ConsoleAccount, target: str, *, confirm: Confirm | None = None
    ) -> Response[Any] | None:
        """Begin a new session under a new id, end the one before, and go on to `target`, or to where the role belongs.

        None if the account is gone or disabled by now. `confirm`: the person has just proved who they are.
        """
        session_id = await self._visitors.sessions.begin(account)
        if session_id is None:
            return None
        cookies = self._visitors.cookies
        await self._visitors.sessions.end(cookies.read(request, SESSION_COOKIE))
        answer = see_other(target if may(account.role, self._site.needs) else home_of(account.role))
        answer.set_cookie(cookies.make(request, SESSION_COOKIE, session_id, max_age_s=ABSOLUTE_S))
        answer.set_cookie(cookies.make(request, FORM_COOKIE, "", max_age_s=0))
        if confirm is not None:
            confirmed = confirm(form_token_of(session_id))
            answer.set_cookie(cookies.make(request, CONFIRMED_COOKIE, confirmed, max_age_s=FRESH_S))
        return answer


class Login:
    """The login form and what it leads to, at one of the sites.

    A form without a session is guarded by a double-submit cookie, one with a session by that session's own token.
    Password and code are asked for in one form: nobody learns from it that a password was right.
    """

    def __init__(self, console: Console, pages: Pages, visitors: Visitors) -> None:
        self._console, self._pages, self._visitors, self._site = console, pages, visitors, pages.site
        self._entry = Entry(visitors, pages.site)

    async def form(self, request: Web) -> Response[Any]:
        """The empty form; whoever is logged in already is sent on."""
        visitor = await self._visitors.of(request)
        target = safe_next(request.query_params.get("next"), self._site)
        if visitor.session is not None:
            role = visitor.session.account.role
            return see_other(target if may(role, self._site.needs) else home_of(role))
        return self._form(request, visitor, target)

    async def enter(self, request: Web) -> Response[Any]:
        """Check a password and a code. Wrong names, wrong passwords and wrong codes get one answer."""
        visitor = await self._visitors.of(request)
        fields = await fields_of(request)
        username = fields.get("username", "")[: _USERNAME_MAX + 1]
        target = safe_next(fields.get("next"), self._site)
        if not same(fields.get("form_token", ""), self._visitors.cookies.read(request, FORM_COOKIE)):
            return self._form(request, visitor, target, username=username, status=403, problem="login.expired")
        if not self._console.local_login:
            return self._form(request, visitor, target, status=403, problem="login.no_local")
        source = self._console.source_of(request.scope)
        wait_s = await self._console.allow_login(username[:_USERNAME_MAX], source)
        if wait_s is not None:
            answer = self._form(
                request, visitor, target, username=username, status=429, problem="login.throttled", seconds=wait_s
            )
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        account = await self.checked(username, fields.get("password", ""), fields.get("code", ""))
        entered = await self._entry.admit(request, account, target) if account is not None else None
        if entered is None:
            return self._form(request, visitor, target, username=username, status=401, problem="login.wrong")
        return entered

    async def leave(self, request: Web) -> Response[Any]:
        """End the session, if the form is the site's own."""
        visitor = await self._visitors.of(request)
        fields = await fields_of(request)
        if visitor.session is not None and not same(fields.get("form_token", ""), visitor.session.form_token):
            return error_page(self._pages, visitor, 403, "error.bad_form")
        cookies = self._visitors.cookies
        if visitor.session is not None:
            await self._visitors.sessions.end(cookies.read(request, SESSION_COOKIE))
        answer = see_other(f"{self._site.base}login")
        answer.set_cookie(cookies.make(request, SESSION_COOKIE, "", max_age_s=0))
        return answer

    async def checked(self, username: str, password: str, code: str) -> ConsoleAccount | None:
        """The account with this password and code, after no more work than one of our lengths is worth."""
        if not 0 < len(username) <= _USERNAME_MAX or not 0 < len(password) <= _PASSWORD_MAX or len(code) > _CODE_MAX:
            return None
        return await self._console.accounts.check(username, password, code)

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
        cookies = self._visitors.cookies
        token = cookies.read(request, FORM_COOKIE) or secrets.token_urlsafe(32)
        answer = self._pages.page(
            "login.html",
            visitor.language,
            status=status,
            session=None,
            path=f"{self._site.base}login",
            here="login",
            form_token=token,
            next=target,
            username=username[:_USERNAME_MAX],
            problem=self._pages.say(visitor.language, problem, **arguments) if problem else "",
            local_login=self._console.local_login,
            provider=self._console.oidc is not None,
        )
        answer.set_cookie(cookies.make(request, FORM_COOKIE, token, max_age_s=ABSOLUTE_S))
        return answer


async def fields_of(request: Web) -> dict[str, str]:
    """A form's text fields; of a repeated one the first."""
    form = await request.form()
    return {name: value for name, value in reversed(list(form.multi_items())) if isinstance(value, str)}
