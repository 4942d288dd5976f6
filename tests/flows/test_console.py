"""Operations and legal people at the console, in a real browser: no error, no CSP violation, both languages."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from gateway.console.visitor import SESSION_COOKIE
from tests.flows.served import served
from tests.unit.console.house import PASSWORD, House, busy, house
from tests.unit.sla.hub import NOON_S, exchange, plan_of

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
]
REFRESH_TIMEOUT_MS = 30_000

pytestmark = pytest.mark.skipif(
    not CHROMIUM and os.environ.get("CI") != "true", reason="no Chromium on this machine: apt install chromium"
)


class Visit:
    """A browser page on a console of its own, with everything that the browser complained about."""

    def __init__(self, page: Page, base: str, built: House) -> None:
        self.page, self.base, self.built = page, base, built
        self.complaints: list[str] = []
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda failed: self._failed(f"{failed.url} {failed.failure}"))
        page.on("request", lambda asked: None if asked.url.startswith(base) else self.complaints.append(asked.url))

    def _failed(self, said: str) -> None:
        # whoever goes on to the next page stops what the last one was still loading
        if "ERR_ABORTED" not in said:
            self.complaints.append(said)

    async def log_in(self, username: str = "ops") -> None:
        await self.page.goto(f"{self.base}/console/")
        await self.page.fill("#username", username)
        await self.page.fill("#password", PASSWORD)
        await self.page.click("main button")
        await self.page.wait_for_selector("table.partners")


@asynccontextmanager
async def visiting(locale: str = "en-GB", width: int = 1366, scheme: str = "light") -> AsyncIterator[Visit]:
    """Open a browser on a busy console."""
    built = busy(house())
    async with served(built.app) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(
            locale=locale,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        # a violation of the policy is an event, whether or not the browser prints it
        await context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective))"
        )
        try:
            yield Visit(await context.new_page(), base, built)
        finally:
            await browser.close()


@pytest.mark.parametrize(
    ("locale", "scheme", "title", "score"),
    [("en-GB", "light", "Ecosystem", "Health 87.9 of 100"), ("zh-CN", "dark", "生态总览", "健康分 87.9（满分 100）")],
)
async def test_a_person_logs_in_looks_at_both_screens_and_leaves(
    locale: str, scheme: str, title: str, score: str, tmp_path: Path
) -> None:
    async with visiting(locale, scheme=scheme) as visit:
        page = visit.page
        await visit.log_in("li" if locale == "zh-CN" else "ops")
        await expect(page.locator("h1")).to_have_text(title)
        await expect(page.get_by_role("img", name=score)).to_be_visible()
        await page.screenshot(path=tmp_path / "ecosystem.png", full_page=True)
        await page.click("#open-swift-logistics-2026")
        await expect(page.locator("#clause-4\\.1")).to_contain_text("600")
        await expect(page.locator("#clause-4\\.1 td[lang=zh-CN]")).to_contain_text("乙方调用接口每")
        await expect(page.locator("#clause-4\\.1 td[lang=en]")).to_contain_text("The Partner makes at most 600 calls")
        await page.screenshot(path=tmp_path / "agreement.png", full_page=True)
        await page.click(".top form button")
        await expect(page.locator("#password")).to_be_visible()
        await page.goto(f"{visit.base}/console/")
        await expect(page.locator("#password")).to_be_visible()
        assert visit.complaints == []


async def test_figures_refresh_by_themselves_and_leave_open_what_was_opened() -> None:
    async with visiting() as visit:
        page = visit.page
        await visit.log_in()
        await page.click("#summary-swift-logistics")
        await page.focus("#summary-harbor-bank")
        plan = plan_of(visit.built.plans)
        for index in range(77):
            visit.built.tally.add(exchange(plan, NOON_S - 600 + index))
        row = page.locator("[data-partner=swift-logistics]")
        await expect(row).to_contain_text("1,477 of 1,500", timeout=REFRESH_TIMEOUT_MS)
        await expect(page.locator("#why-swift-logistics")).to_have_attribute("open", "")
        await expect(page.locator("#why-harbor-bank")).not_to_have_attribute("open", "")
        await expect(page.locator("#summary-harbor-bank")).to_be_focused()
        assert visit.complaints == []


async def test_the_language_switch_keeps_the_page() -> None:
    async with visiting() as visit:
        page = visit.page
        await visit.log_in()
        await page.click("#open-harbor-bank-2026")
        await page.click(".languages a")
        await expect(page.locator("h1")).to_contain_text("港湾银行")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        assert visit.complaints == []


async def test_a_session_that_ended_meanwhile_leads_back_to_the_login() -> None:
    async with visiting() as visit:
        page = visit.page
        await visit.log_in()
        await page.context.clear_cookies(name=SESSION_COOKIE)
        await expect(page.locator("#password")).to_be_visible(timeout=REFRESH_TIMEOUT_MS)


async def test_the_keyboard_alone_is_enough() -> None:
    async with visiting() as visit:
        page = visit.page
        await visit.log_in()
        await page.keyboard.press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert await focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        assert visit.complaints == []


@pytest.mark.parametrize("path", ["/console/", "/console/agreements/swift-logistics-2026"])
async def test_a_telephone_needs_no_sideways_scrolling(path: str) -> None:
    async with visiting("zh-CN", width=360) as visit:
        await visit.log_in()
        await visit.page.goto(f"{visit.base}{path}")
        assert await visit.page.evaluate("document.documentElement.scrollWidth") <= 360
        assert visit.complaints == []


@pytest.mark.slow
async def test_a_lawyer_reads_on_a_telephone_and_signs_off_without_scripts_of_ours(tmp_path: Path) -> None:
    async with visiting("zh-CN", width=360) as visit:
        visit.built.people.seat("li", "legal")
        page = visit.page
        await visit.log_in("li")
        await page.click("text=签核")
        await page.locator("tbody", has_text="迅达物流").get_by_text("阅读并签核").click()
        await expect(page.locator("[data-clause='4.1'] td[lang=en]")).to_contain_text("at most 600 calls")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.fill("#password", PASSWORD)
        await page.screenshot(path=tmp_path / "sign-off.png", full_page=True)
        await page.click(".approval button")
        await expect(page.locator(".approval")).to_contain_text("您已签核该版本")
        assert visit.complaints == []
        assert visit.built.approvals.by() == ["li"]
