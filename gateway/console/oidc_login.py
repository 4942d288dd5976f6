"""Logging in by the company's identity provider: away with a transaction in a cookie, back with a code."""

from functools import partial
from typing import Any, Final

import structlog
from litestar import Request, Response
from msgspec.structs import replace

from gateway.console.answers import see_other
from gateway.console.cookies import OIDC_COOKIE
from gateway.console.failures import error_page
from gateway.console.login import Entry
from gateway.console.pages import Pages
from gateway.console.sessions import same
from gateway.console.site import CONSOLE, PORTAL, safe_next
from gateway.console.visitor import Visitor, Visitors
from gateway.console.wiring import Console
from gateway.people.confirmation import confirmed_s
from gateway.people.oidc import Oidc
from gateway.people.provider import LoginFault
from gateway.people.transaction import LIFETIME_S, Transaction, new_transaction

_log = structlog.get_logger(__name__)

_STATUS: Final = {"unavailable": 503, "declined": 403, "refused": 403, "unproved": 403}
_RETRY_S: Final = 10

Web = Request[Any, Any, Any]


class OidcLogin:
    """Two steps at one site. Why a login failed goes to the operator's log as a word; the person is told no more than
    what to do."""

    def __init__(self, console: Console, pages: Pages, visitors: Visitors) -> None:
        self._console, self._pages, self._visitors = console, pages, visitors

    async def begin(self, request: Web) -> Response[Any]:
        """Send the person to the provider; with `confirm` to prove there anew who they are."""
        visitor = await self._visitors.of(request)
        oidc = self._console.oidc
        if oidc is None:
            return error_page(self._pages, visitor, 404, "error.not_found")
        target = safe_next(request.query_params.get("next"), self._pages.site)
        confirms = "confirm" in request.query_params
        transaction = new_transaction(target, self._console.now(), confirms=confirms)
        address = await oidc.provider.address(transaction)
        if isinstance(address, LoginFault):
            return self._failed(request, visitor, address)
        answer = see_other(address)
        sealed = oidc.transactions.seal(transaction)
        answer.set_cookie(self._visitors.cookies.make(request, OIDC_COOKIE, sealed, max_age_s=LIFETIME_S))
        return answer

    async def finish(self, request: Web) -> Response[Any]:
        """The person is back: verify who it is, and begin a session for their account."""
        visitor = await self._visitors.of(request)
        oidc = self._console.oidc
        if oidc is None:
            return error_page(self._pages, visitor, 404, "error.not_found")
        answer = _parameters(request)
        transaction = oidc.transactions.open(self._visitors.cookies.read(request, OIDC_COOKIE), self._console.now())
        if transaction is None or answer is None or not same(answer.get("state", ""), transaction.state):
            return self._failed(request, visitor, LoginFault("refused", "transaction"))
        wait_s = await self._console.allow_login(transaction.state, self._console.source_of(request.scope))
        if wait_s is not None:
            return self._failed(request, visitor, LoginFault("unavailable", "throttled"), wait_s)
        return await self._finished(request, visitor, oidc, transaction, answer)

    async def _finished(
        self, request: Web, visitor: Visitor, oidc: Oidc, transaction: Transaction, answer: dict[str, str]
    ) -> Response[Any]:
        person = await oidc.provider.person(answer, transaction)
        if isinstance(person, LoginFault):
            return self._failed(request, visitor, person)
        proved_s = confirmed_s(person.claims, self._console.now()) if transaction.confirms else None
        if transaction.confirms and proved_s is None:
            return self._failed(request, visitor, LoginFault("unproved", "auth-time"))
        account = await oidc.arrivals.account(oidc.provider.issuer, person, visitor.language)
        at_portal = transaction.target.startswith(PORTAL.base)
        entry = Entry(self._visitors, PORTAL if at_portal else self._pages.site)
        confirm = None if proved_s is None else partial(oidc.confirmations.seal, proved_s)
        entered = await entry.admit(request, account, transaction.target, confirm=confirm) if account else None
        if entered is None:
            _log.warning("login by the identity provider without access here")
            return self._over(request, error_page(self._pages, _elsewhere(visitor), 403, "login.no_access"))
        return self._over(request, entered)

    def _failed(self, request: Web, visitor: Visitor, fault: LoginFault, wait_s: int = _RETRY_S) -> Response[Any]:
        _log.warning("login by the identity provider failed", kind=fault.kind, reason=fault.reason)
        message = {
            "unavailable": "login.provider_unavailable",
            "declined": "login.provider_declined",
            "refused": "login.provider_refused",
            "unproved": "login.provider_unproved",
        }[fault.kind]
        answer = error_page(self._pages, _elsewhere(visitor), _STATUS[fault.kind], message)
        if fault.kind == "unavailable":
            answer.headers["Retry-After"] = str(wait_s)
        return self._over(request, answer)

    def _over(self, request: Web, answer: Response[Any]) -> Response[Any]:
        """The transaction is used up, however it ended."""
        answer.set_cookie(self._visitors.cookies.make(request, OIDC_COOKIE, "", max_age_s=0))
        return answer


def _elsewhere(visitor: Visitor) -> Visitor:
    """The same person at the login: the address of the callback holds a code, and no link is to repeat it."""
    return replace(visitor, path=f"{CONSOLE.base}login")


def _parameters(request: Web) -> dict[str, str] | None:
    """Those of the callback; None if one is given twice (RFC 6749 section 3.1)."""
    given = list(request.query_params.multi_items())
    found = dict(given)
    return found if len(found) == len(given) else None
