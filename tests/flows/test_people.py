"""People log in by the company's identity provider: a real one, over HTTP, by hand and in a browser."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from litestar import Litestar
from msgspec import Struct
from msgspec.structs import replace
from playwright.async_api import async_playwright, expect

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.console.cookies import CONFIRMED_COOKIE, OIDC_COOKIE, SESSION_COOKIE
from gateway.console.wiring import Console
from gateway.people.oidc import open_oidc
from gateway.people.sign_offs import SigningOff, SignOffs
from gateway.settings import Settings
from gateway.store.accounts import Account, Accounts
from gateway.store.sessions import KeptSessions
from gateway.store.store import Store
from tests.flows.identity_provider import CLIENT_ID, SECRET, SUBJECT, IdentityProvider, new_key, person
from tests.flows.served import served
from tests.flows.test_console import ARGUMENTS, CHROMIUM
from tests.unit.console.house import Clock, Page, busy, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()
SIGN = "/console/agreements/swift-logistics-2026/sign-off?version=1.0.0"
T = TypeVar("T")
ROLES = ("sre=ops", "cn=law,dc=hengtai=legal", "audit=auditor", "swift=partner-developer:swift-logistics")


class Company(Struct):
    """The gateway's console and portal over a real store and log, and the provider that people come from."""

    base: str
    provider: IdentityProvider
    accounts: Accounts
    log: Path
    client: httpx.AsyncClient
    clock: Clock

    async def log_in(self, site: str = "console") -> httpx.Response:
        """Through the provider, to the answer of the callback."""
        return await self.client.get(await self.way_back(site))

    async def way_back(self, site: str = "console") -> str:
        """The address that the provider sends the person back to."""
        sent = await self.client.get(f"/{site}/oidc")
        assert sent.status_code == 303, sent.text
        return link_in((await self.client.get(sent.headers["location"])).text)

    def events(self) -> list[tuple[str, str, str]]:
        return [(entry.event, entry.subject, entry.partner) for entry in read_as(self.log, Authority)]


def link_in(page: str) -> str:
    """Where the provider's page leads a person who says who they are."""
    return unescape(page.split('id="me" href="')[1].split('"', maxsplit=1)[0])


@asynccontextmanager
async def company(tmp_path: Path, **settings: Any) -> AsyncIterator[Company]:
    provider = IdentityProvider("", new_key("ES256"))
    async with AsyncExitStack() as stack:
        provider.base = await stack.enter_async_context(served(provider.app()))
        store = await Store.open(f"sqlite:///{tmp_path}/state.db")
        stack.push_async_callback(store.close)
        writer = Writer.open(tmp_path / "log", "gw-1")
        assert isinstance(writer, Writer)
        stack.callback(writer.close)
        handed: list[Litestar] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await handed[0](scope, receive, send)

        base = await stack.enter_async_context(served(app))
        said = Settings(
            oidc_issuer=provider.base, oidc_client_id=CLIENT_ID, oidc_client_secret=SECRET, oidc_roles=ROLES, **settings
        )
        oidc = await open_oidc(said, store, writer, base, stack)
        accounts, kept = Accounts(store), KeptSessions(store)

        async def alone() -> None:
            """There is no other process to hear of."""

        def wrap(console: Console) -> Console:
            local, signing = said.local_login == "on", SigningOff(writer, SignOffs(), alone)
            console = replace(console, accounts=accounts, sessions=kept, sign_offs=signing)
            return replace(console, oidc=oidc, public_url=base, local_login=local)

        built = busy(house(PLANS, wrap=wrap))
        built.clock.now_s = time.time()  # the provider's tokens are of now
        handed.append(built.app)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=30))
        yield Company(base, provider, accounts, tmp_path / "log", client, built.clock)


@pytest.fixture
async def hengtai(tmp_path: Path) -> AsyncIterator[Company]:
    async with company(tmp_path) as made:
        yield made


async def test_whoever_has_a_role_there_gets_an_account_and_a_session_here(hengtai: Company) -> None:
    sent = await hengtai.client.get("/console/oidc", params={"next": "/console/agreements/swift-logistics-2026"})
    assert sent.headers["location"].startswith(f"{hengtai.provider.base}/authorize?")
    back = await hengtai.client.get(link_in((await hengtai.client.get(sent.headers["location"])).text))
    assert (back.status_code, back.headers["location"]) == (303, "/console/agreements/swift-logistics-2026")
    assert SESSION_COOKIE in hengtai.client.cookies
    assert OIDC_COOKIE not in hengtai.client.cookies
    assert "oidc:li.na" in (await hengtai.client.get(back.headers["location"])).text
    account = await hengtai.accounts.find("oidc:li.na")
    assert account is not None
    assert (account.role, account.subject) == ("ops", f"{hengtai.provider.base} {SUBJECT}")
    assert hengtai.events() == [("account-created", "oidc:li.na", "")]


@pytest.mark.slow
async def test_the_role_is_that_of_the_groups_at_each_login(hengtai: Company) -> None:
    for groups, role in ((["sre"], "ops"), (["cn=law,dc=hengtai"], "legal"), (["other", "audit"], "auditor")):
        hengtai.provider.claims = person(groups=groups)
        assert (await hengtai.log_in()).status_code == 303
        account = await hengtai.accounts.find("oidc:li.na")
        assert account is not None
        assert account.role == role
    assert hengtai.events()[1:] == [("account-changed", "oidc:li.na role", "")] * 2


async def test_somebody_without_a_role_gets_no_session_and_loses_the_one_from_before(hengtai: Company) -> None:
    await hengtai.log_in()
    assert (await hengtai.client.get("/console/")).status_code == 200
    session = hengtai.client.cookies[SESSION_COOKIE]
    for groups in (["visitors"], [], None, {"sre": True}, "visitors"):
        hengtai.provider.claims = person(groups=groups)
        refused = await hengtai.log_in()
        assert refused.status_code == 403
        assert "not set up for you" in refused.text
    hengtai.client.cookies.clear()
    hengtai.clock.now_s += 1  # so long a process remembers what it read of a session
    hengtai.client.cookies.set(SESSION_COOKIE, session)
    assert (await hengtai.client.get("/console/")).status_code == 303
    assert hengtai.events() == [("account-created", "oidc:li.na", "")]


@pytest.mark.slow
async def test_a_disabled_person_stays_out_whatever_the_provider_says(hengtai: Company) -> None:
    await hengtai.log_in()
    await hengtai.accounts.set_disabled("oidc:li.na", True)
    hengtai.provider.claims = person(groups=["audit"])
    assert (await hengtai.log_in()).status_code == 403
    assert hengtai.events() == [("account-created", "oidc:li.na", "")]


async def test_a_partners_developer_comes_to_the_portal_and_to_nothing_else(hengtai: Company) -> None:
    hengtai.provider.claims = person(groups=["swift"])
    back = await hengtai.log_in()
    assert (back.status_code, back.headers["location"]) == (303, "/portal/")
    home = await hengtai.client.get("/portal/")
    assert home.status_code == 200
    assert "swift-logistics-2026" in home.text
    assert (await hengtai.client.get("/console/")).status_code == 403
    assert hengtai.events() == [("account-created", "oidc:li.na", "swift-logistics")]


@pytest.mark.slow
async def test_nobody_from_there_takes_a_local_name_or_that_of_another_person(hengtai: Company) -> None:
    assert isinstance(await hengtai.accounts.create("li.na", "a-local-password", "admin", "en"), Account)
    await hengtai.log_in()
    hengtai.client.cookies.clear()
    hengtai.provider.claims = person(sub="another", preferred_username="LI.NA")
    assert (await hengtai.log_in()).status_code == 303
    found = {account.username: account.subject.partition(" ")[2] for account in await hengtai.accounts.all()}
    second = next(name for name, subject in found.items() if subject == "another")
    assert second.startswith("oidc:li.na-")
    assert found == {"li.na": "", "oidc:li.na": SUBJECT, second: "another"}
    assert await hengtai.accounts.check("oidc:li.na", "") is None


SPOILT_ANSWERS: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "another state": lambda answer: answer | {"state": "guessed"},
    "no state": lambda answer: without(answer, "state"),
    "another provider": lambda answer: answer | {"iss": "https://another.example"},
    "no provider": lambda answer: without(answer, "iss"),
    "another code": lambda answer: answer | {"code": "made-up"},
    "no code": lambda answer: without(answer, "code"),
    "an error": lambda answer: answer | {"error": "access_denied"},
}


def without(answer: dict[str, T], name: str) -> dict[str, T]:
    return {each: value for each, value in answer.items() if each != name}


async def test_an_answer_that_is_not_of_this_login_logs_nobody_in(hengtai: Company) -> None:
    for what, spoilt in SPOILT_ANSWERS.items():
        hengtai.provider.answer = spoilt
        back = await hengtai.log_in()
        assert back.status_code == 403, what
        assert not {SESSION_COOKIE, OIDC_COOKIE} & set(hengtai.client.cookies), what
    assert await hengtai.accounts.all() == ()


@pytest.mark.slow
async def test_an_answer_is_of_no_use_in_another_browser_nor_twice(hengtai: Company) -> None:
    way_back = await hengtai.way_back()
    async with httpx.AsyncClient(timeout=30) as other:
        assert (await other.get(way_back)).status_code == 403
    assert (await hengtai.client.get(way_back)).status_code == 303
    assert (await hengtai.client.get(way_back)).status_code == 403


@pytest.mark.slow
async def test_a_token_that_says_something_else_logs_nobody_in(hengtai: Company) -> None:
    def spoil(spoilt: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
        return claims | spoilt

    for spoilt in (
        {"iss": "https://another.example"},
        {"aud": "another"},
        {"nonce": "another"},
        {"exp": 1},
        {"sub": ""},
    ):
        hengtai.provider.change = partial(spoil, spoilt)
        assert (await hengtai.log_in()).status_code == 403, spoilt
        assert SESSION_COOKIE not in hengtai.client.cookies


async def test_somebody_of_the_provider_signs_off_after_being_asked_there_once_more(hengtai: Company) -> None:
    hengtai.provider.claims = person(groups=["cn=law,dc=hengtai"])
    await hengtai.log_in()
    assert "Prove who I am" in (await hengtai.client.get(SIGN)).text
    asked = await hengtai.client.get("/console/oidc", params={"confirm": "1", "next": SIGN})
    sent = httpx.URL(asked.headers["location"]).params
    assert (sent["prompt"], sent["max_age"]) == ("login", "300")
    back = await hengtai.client.get(link_in((await hengtai.client.get(asked.headers["location"])).text))
    assert (back.status_code, back.headers["location"]) == (303, SIGN)
    page = Page((await hengtai.client.get(SIGN)).text)
    assert "password" not in str(page.tags)
    form = {name: page.inputs[name] for name in ("form_token", "contract")}
    assert (await hengtai.client.post(SIGN, data=form)).status_code == 303
    assert hengtai.events()[1:] == [
        ("agreement-signed-off", "swift-logistics-2026 1.0.0 oidc:li.na", "swift-logistics")
    ]


async def test_a_provider_that_does_not_say_when_it_asked_confirms_nobody(hengtai: Company) -> None:
    hengtai.provider.claims = person(groups=["cn=law,dc=hengtai"])
    await hengtai.log_in()
    session = hengtai.client.cookies[SESSION_COOKIE]
    for said in (lambda claims: without(claims, "auth_time"), lambda claims: claims | {"auth_time": 1}):
        hengtai.provider.change = said
        asked = await hengtai.client.get("/console/oidc", params={"confirm": "1", "next": SIGN})
        back = await hengtai.client.get(link_in((await hengtai.client.get(asked.headers["location"])).text))
        assert back.status_code == 403
        assert "did not say that you have proved just now" in back.text
        assert CONFIRMED_COOKIE not in hengtai.client.cookies
    assert hengtai.client.cookies[SESSION_COOKIE] == session, "who was logged in stays so"


async def test_somebody_else_who_is_there_by_then_signs_nothing_for_whose_page_it_was(hengtai: Company) -> None:
    hengtai.provider.claims = person(groups=["cn=law,dc=hengtai"])
    await hengtai.log_in()
    first = hengtai.client.cookies[SESSION_COOKIE]
    shown = Page((await hengtai.client.get("/console/sign-offs")).text).inputs["form_token"]
    asked = await hengtai.client.get("/console/oidc", params={"confirm": "1", "next": SIGN})
    hengtai.provider.claims = person(sub="another", preferred_username="wang", groups=["cn=law,dc=hengtai"])
    await hengtai.client.get(link_in((await hengtai.client.get(asked.headers["location"])).text))
    page = Page((await hengtai.client.get(SIGN)).text)
    form = {name: page.inputs[name] for name in ("form_token", "contract")}
    assert (await hengtai.client.post(SIGN, data=form | {"form_token": shown})).status_code == 403
    # The session from before, with the proof that is another person's.
    hengtai.client.cookies.set(SESSION_COOKIE, first, domain="127.0.0.1", path="/")
    assert hengtai.client.cookies[SESSION_COOKIE] == first
    for token in (shown, form["form_token"]):
        assert (await hengtai.client.post(SIGN, data=form | {"form_token": token})).status_code in {303, 403}
    assert not [each for each in hengtai.events() if each[0] == "agreement-signed-off"]


@pytest.mark.slow
async def test_a_provider_that_is_away_is_said_to_be_away_in_the_persons_language(hengtai: Company) -> None:
    hengtai.provider.metadata = {"issuer": "https://another.example"}
    answer = await hengtai.client.get("/console/oidc", headers={"accept-language": "zh-CN"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "公司登录服务暂无响应" in answer.text


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: apt install chromium")
async def test_in_a_browser_the_way_there_and_back_is_two_clicks(tmp_path: Path) -> None:
    complaints: list[str] = []
    async with company(tmp_path, local_login="off") as hengtai, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(locale="zh-CN")
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        await page.goto(f"{hengtai.base}/console/agreements/swift-logistics-2026")
        await expect(page.locator("#password")).to_have_count(0)
        await page.screenshot(path=tmp_path / "login.png")
        await page.click("text=使用公司账号登录")
        await page.click("#me")
        await expect(page.locator("h1")).to_contain_text("迅达物流")
        await page.click(".top form button")
        await expect(page.locator("a.button")).to_be_visible()
        await browser.close()
    assert [each for each in complaints if "favicon" not in each] == []
