"""Signing agreements off at the console: whoever may reads a version, proves anew who they are, and approves it.

What is signed is what was shown: the form gives the contract hash back, and is refused when the agreement has another
by then. A local account proves itself by password and code, and somebody from the identity provider by a login there
within the last minutes (gateway/people/confirmation.py): a session that was left open signs nothing.
"""

from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.authority_record import AuthorityError
from gateway.console.agreement_screen import choose_contract
from gateway.console.answers import see_other
from gateway.console.cookies import CONFIRMED_COOKIE
from gateway.console.entrance import admitted
from gateway.console.failures import error_page, not_for_role
from gateway.console.login import Login, fields_of
from gateway.console.pages import Pages
from gateway.console.sessions import Session, same
from gateway.console.sign_off_screen import sign_off_rows, sign_off_screen, to_sign
from gateway.console.visitor import Visitor, Visitors
from gateway.console.wiring import Console
from gateway.health.ecosystem import term_of
from gateway.people.arrivals import PREFIX
from gateway.people.confirmation import FRESH_S
from gateway.people.roles import may

_RETRY_S: Final = 5

Web = Request[Any, Any, Any]
Way: TypeAlias = Literal["password", "confirm", "confirmed", "none", "ended"]
"""How a person proves who they are: by password and code, by going to the provider, by having just been there, or not
at all, where the login that the account belongs to is off. A version that has ended is not signed any more."""


class _Reader(Struct, frozen=True):
    """Somebody who may sign off, and the version that they look at."""

    visitor: Visitor
    session: Session
    plans: Plans
    contract: Contract


class SigningScreens:
    """The list, for everybody at the console, and the page to sign, for the roles that may."""

    def __init__(self, console: Console, pages: Pages, visitors: Visitors) -> None:
        self._console, self._pages, self._visitors = console, pages, visitors
        self._login = Login(console, pages, visitors)

    async def every(self, request: Web) -> Response[Any]:
        """Every version that has not ended, and who has signed it off."""
        visitor = await admitted(request, self._pages, self._visitors)
        if isinstance(visitor, Response):
            return visitor
        if visitor.session is None:
            return not_for_role(self._pages, visitor, "see-console")
        now_s = int(self._console.now())
        contracts = to_sign(self._console.plans(), now_s)
        given = await self._console.sign_offs.given(contracts)
        rows = sign_off_rows(contracts, given, visitor.session.account.username, now_s)
        return self._pages.page(
            "sign_offs.html",
            visitor.language,
            session=visitor.session,
            path=visitor.path,
            here="sign-offs",
            rows=rows,
        )

    async def show(self, request: Web, agreement: str, version: str | None) -> Response[Any]:
        """One version to read, with the form."""
        reader = await self._reader(request, agreement, version)
        return reader if isinstance(reader, Response) else await self._page(request, reader)

    async def sign(self, request: Web, agreement: str, version: str | None) -> Response[Any]:
        """Put the approval on the log, if the form is ours, what was shown is what is there, and it is that person."""
        reader = await self._reader(request, agreement, version)
        if isinstance(reader, Response):
            return reader
        fields = await fields_of(request)
        if not same(fields.get("form_token", ""), reader.session.form_token):
            return error_page(self._pages, reader.visitor, 403, "error.bad_form")
        if fields.get("contract") != reader.contract.hash:
            return await self._page(request, reader, status=409, problem="sign.changed")
        if await self._has_signed(reader):
            return see_other(_path(reader.contract))
        if self._has_ended(reader.contract):
            return await self._page(request, reader, status=409)
        refused = await self._unproved(request, reader, fields)
        if refused is not None:
            # Of two clicks the second comes with a code that the first has used: "nothing was signed" would be false.
            return see_other(_path(reader.contract)) if await self._has_signed(reader) else refused
        try:
            await self._console.sign_offs.sign(reader.contract, reader.session.account.username)
        except AuthorityError:
            answer = await self._page(request, reader, status=503, problem="sign.unrecorded")
            answer.headers["Retry-After"] = str(_RETRY_S)
            return answer
        return see_other(_path(reader.contract))

    async def _reader(self, request: Web, agreement: str, version: str | None) -> _Reader | Response[Any]:
        visitor = await admitted(request, self._pages, self._visitors)
        if isinstance(visitor, Response):
            return visitor
        if visitor.session is None or not may(visitor.session.account.role, "sign-off"):
            return not_for_role(self._pages, visitor, "sign-off")
        plans = self._console.plans()
        contract = choose_contract(plans, agreement, version, int(self._console.now()))
        if contract is None:
            return error_page(self._pages, visitor, 404, "error.no_agreement")
        return _Reader(visitor, visitor.session, plans, contract)

    async def _has_signed(self, reader: _Reader) -> bool:
        """Whether the person has signed this very contract already: the page says so, and nothing is left to do."""
        given = await self._console.sign_offs.given([reader.contract])
        return any(one.username == reader.session.account.username for one in given[reader.contract.hash])

    def _has_ended(self, contract: Contract) -> bool:
        return term_of(contract, int(self._console.now())) == "ended"

    async def _unproved(self, request: Web, reader: _Reader, fields: dict[str, str]) -> Response[Any] | None:
        """Why this is not known to be the person whose session it is; None if it is."""
        way = self._way(request, reader.session)
        if way == "confirmed":
            return None
        if way != "password":
            return await self._page(request, reader, status=403, problem="sign.stale")
        username = reader.session.account.username
        wait_s = await self._console.allow_login(username, self._console.source_of(request.scope))
        if wait_s is not None:
            answer = await self._page(request, reader, status=429, problem="login.throttled", seconds=wait_s)
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        account = await self._login.checked(username, fields.get("password", ""), fields.get("code", ""))
        if account is None:
            return await self._page(request, reader, status=401, problem="sign.wrong")
        # The session's role may be a second old; that of the account just read is not.
        return None if may(account.role, "sign-off") else not_for_role(self._pages, reader.visitor, "sign-off")

    def _way(self, request: Web, session: Session) -> Way:
        console = self._console
        if not session.account.username.startswith(PREFIX):
            return "password" if console.local_login else "none"
        if console.oidc is None:
            return "none"
        cookie = self._visitors.cookies.read(request, CONFIRMED_COOKIE)
        fresh = console.oidc.confirmations.is_fresh(cookie, session.form_token, console.now())
        return "confirmed" if fresh else "confirm"

    async def _page(
        self, request: Web, reader: _Reader, *, status: int = 200, problem: str = "", **arguments: object
    ) -> Response[Any]:
        visitor, contract = reader.visitor, reader.contract
        given = await self._console.sign_offs.given([contract])
        username, now_s = reader.session.account.username, int(self._console.now())
        return self._pages.page(
            "sign_off.html",
            visitor.language,
            status=status,
            session=reader.session,
            path=_path(contract),
            here="",
            problem=self._pages.say(visitor.language, problem, **arguments) if problem else "",
            screen=sign_off_screen(contract, reader.plans, given[contract.hash], username, now_s),
            way="ended" if self._has_ended(contract) else self._way(request, reader.session),
            minutes=FRESH_S // 60,
        )


def sign_off_handlers(screens: SigningScreens) -> list[ControllerRouterHandler]:
    """The routes below /console/ that lead there."""

    @get("/sign-offs")
    async def every(request: Web) -> Response[Any]:
        return await screens.every(request)

    @get("/agreements/{agreement:str}/sign-off")
    async def page(request: Web, agreement: FromPath[str], version: FromQuery[str | None] = None) -> Response[Any]:
        return await screens.show(request, agreement, version)

    @post("/agreements/{agreement:str}/sign-off", status_code=303)
    async def sign(request: Web, agreement: FromPath[str], version: FromQuery[str | None] = None) -> Response[Any]:
        return await screens.sign(request, agreement, version)

    return [every, page, sign]


def _path(contract: Contract) -> str:
    return f"/console/agreements/{quote(contract.agreement)}/sign-off?version={quote(contract.version)}"
