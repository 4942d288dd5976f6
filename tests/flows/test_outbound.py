"""The demo's hub calls its bank through a served gateway: token, quote, record, a slow day, and who may not."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from msgspec import Struct

from gateway.audit.leaf import Intent, Outbound
from gateway.audit.reader import read_entries
from gateway.demo.bank import quote
from gateway.demo.stage import BANK_SLOW_DAY
from tests.flows.demo import Partner, clausegate, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ASKED = {"amount": "386000.00", "months": 24}


class Demo(Struct, frozen=True):
    """A demo that is up, the token of the hub's own program, and the bank's program."""

    folder: Path
    url: str
    hub: str
    bank: Partner

    def quote(self, token: str, asked: object = ASKED) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/out/harbor-bank/quote", json=asked, headers=headers, timeout=30)

    def entries(self, answer: httpx.Response) -> list[Intent | Outbound]:
        """What the log says of one call."""
        found = [located.leaf.entry for located in read_entries(self.folder / "workspace" / "log")]
        mine = [entry for entry in found if isinstance(entry, Intent | Outbound)]
        return [entry for entry in mine if entry.request_id == answer.headers["x-request-id"]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "d"
    with running(folder.with_name("said"), "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        listed = json.loads((folder / "credentials.json").read_bytes())
        own = json.loads((folder / "hub-credentials.json").read_bytes())
        bank = next(one for one in listed if one["partner"] == "harbor-bank")
        callers = [Partner(process.url, credential) for credential in (own, bank)]
        yield Demo(folder, process.url, callers[0].token, callers[1])
        for caller in callers:
            caller.close()


def test_a_lead_gets_its_quote_in_one_call_and_the_log_says_how_the_bank_did(demo: Demo) -> None:
    answer = demo.quote(demo.hub)
    assert (answer.status_code, answer.json()) == (200, quote_of(ASKED))
    intent, called = demo.entries(answer)
    assert isinstance(intent, Intent)
    assert isinstance(called, Outbound)
    assert (called.partner, called.client, called.operation) == ("harbor-bank", "hengtai-app", "quote")
    assert (called.status, called.code, called.attempts, called.bytes) == (200, "", 1, len(answer.content))
    assert 0 < called.latency_us < 2_000_000


def test_the_banks_slow_day_is_on_the_log_as_slow(demo: Demo) -> None:
    (demo.folder / BANK_SLOW_DAY).touch()
    try:
        answer = demo.quote(demo.hub)
    finally:
        (demo.folder / BANK_SLOW_DAY).unlink()
    assert answer.status_code == 200
    *_, called = demo.entries(answer)
    assert isinstance(called, Outbound)
    assert called.latency_us > 2_000_000


def test_the_slow_day_becomes_a_credit_that_the_bank_owes_from_the_counts_as_from_the_log(demo: Demo) -> None:
    """At least one call of few is late by now: less than 90 % in time, of which clause 7.1 makes 15 % of the fee."""
    month = f"{datetime.now(ZoneInfo('Asia/Shanghai')):%Y-%m}"
    asked = ("statement", demo.folder, "--agreement", "harbor-bank-2026", "--period", month, "--format", "json")
    settled = []
    for source in ((), ("--from-log",)):
        said = clausegate(*asked, *source)
        assert said.returncode == 0, said.stderr
        settled.append(json.loads(said.stdout)["settlement"])
    (window,) = next(clause for clause in settled[0]["clauses"] if clause["clause"] == "7.1")["windows"]
    assert (window["verdict"], window["percent"], window["credit"]) == ("missed", "15", "5400.00")
    assert {"owed_by": "partner", "amount": "5400.00", "currency": "CNY"} in settled[0]["totals"]
    counted, logged = ([each for each in one["clauses"] if each["clause"] == "7.1"] for one in settled)
    assert counted == logged


def test_the_bank_may_refuse_and_a_wrong_question_does_not_reach_it(demo: Demo) -> None:
    refused = demo.quote(demo.hub, {**ASKED, "amount": "100.00"})
    assert (refused.status_code, refused.json()) == (422, {"reason": "amount-too-small"})
    wrong = demo.quote(demo.hub, {**ASKED, "months": 1})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/outbound-invalid")
    (called,) = demo.entries(wrong)
    assert isinstance(called, Outbound)
    assert called.attempts == 0


def test_no_partner_calls_here_and_the_hubs_program_reads_no_partners_data(demo: Demo) -> None:
    path = "/out/harbor-bank/quote"
    proved = demo.bank.signed_in("POST", path)
    assert httpx.post(f"{demo.url}{path}", json=ASKED, headers=proved, timeout=30).status_code == 404
    assert demo.quote(demo.bank.token).status_code == 401
    assert httpx.post(f"{demo.url}/out/harbor-bank/quote", json=ASKED, timeout=30).status_code == 401
    headers = {"authorization": f"Bearer {demo.hub}"}
    assert httpx.get(f"{demo.url}/v1/repayments", headers=headers, timeout=30).status_code == 404


def test_the_log_verifies_and_no_secret_is_on_it(demo: Demo) -> None:
    verified = clausegate("verify", demo.folder / "workspace" / "log")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    segments = b"".join(file.read_bytes() for file in (demo.folder / "workspace" / "log").rglob("*.seg"))
    assert b"386000.00" not in segments
    assert demo.hub.encode() not in segments


def quote_of(asked: dict[str, object]) -> dict[str, object]:
    return quote(Decimal(str(asked["amount"])), int(str(asked["months"])))
