"""The demo's bank: quotes that can be recomputed, tokens, and a slow day."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.service_operation import Operation, compile_operation
from contracts.service_schema import Schema, Schemas
from contracts.source import read_source
from gateway.demo.bank import Bank, Slowness, quote, yearly_rate
from gateway.demo.workspace import samples

BASIC = "Basic aGVuZ3RhaTpzM2NyZXQ="
DOCUMENT = samples() / "contracts/documents/services/harbor-financing.openapi.yaml"


async def ask(bank: Bank, method: str, path: str, body: bytes = b"", authorization: str = "") -> tuple[int, Any]:
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", authorization.encode())]
    await bank({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def operation(name: str) -> Operation:
    source = read_source(DOCUMENT.read_bytes(), DOCUMENT.name)
    assert not isinstance(source, list)
    made = compile_operation(source.data, Schemas(source.data), name)
    assert isinstance(made, Operation), made
    return made


@pytest.mark.parametrize("months", [6, 12, 36, 60])
def test_the_instalments_pay_the_amount_and_its_interest_to_within_their_rounding(months: int) -> None:
    said = quote(Decimal("772000.00"), months)
    left, rate = Decimal("772000.00"), Decimal(said["yearly_rate_percent"]) / 1200
    for _ in range(months):
        left = left * (1 + rate) - Decimal(said["instalment"])
    assert abs(left) < Decimal("0.01") * months
    assert Decimal(said["total"]) == Decimal(said["instalment"]) * months
    assert quote(Decimal("772000.00"), months) == said


def test_longer_is_dearer() -> None:
    rates = [yearly_rate(months) for months in range(6, 61)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (Decimal("3.60"), Decimal("4.50"))


async def test_it_answers_as_its_document_says_and_only_to_whom_it_gave_a_token() -> None:
    now_s = 1_000.0
    bank = Bank("s3cret", Slowness(), lambda: now_s)
    assert (await ask(bank, "POST", "/oauth/token", b"grant_type=client_credentials", "Basic xx"))[0] == 401
    status, token = await ask(bank, "POST", "/oauth/token", b"grant_type=client_credentials", BASIC)
    assert status == 200
    bearer = f"Bearer {token['access_token']}"
    for body, expected in (({"amount": "772000.00", "months": 36}, 200), ({"amount": "1.00", "months": 36}, 422)):
        status, said = await ask(bank, "POST", "/quotes", json.dumps(body).encode(), bearer)
        assert status == expected
        answer = operation("quote").answer(status)
        assert isinstance(answer, Schema)
        assert answer.faults(said) == ()
    status, said = await ask(bank, "GET", "/rates/36", b"", bearer)
    answer = operation("rate").answer(status)
    assert isinstance(answer, Schema)
    assert answer.faults(said) == ()
    assert (await ask(bank, "POST", "/quotes", b"{}", "Bearer other"))[0] == 401
    now_s += 301
    assert (await ask(bank, "GET", "/rates/36", b"", bearer))[0] == 401


def test_its_slow_day_is_one_day_or_while_a_file_is_there(tmp_path: Path) -> None:
    day_s = 1_786_665_600  # 2026-08-14T00:00:00Z
    slowness = Slowness(frozenset({date(2026, 8, 14)}), 1_500, tmp_path / "slow")
    assert [slowness.delay_s(day_s + offset_s) for offset_s in (-1, 0, 86_399, 86_400)] == [0.0, 1.5, 1.5, 0.0]
    (tmp_path / "slow").touch()
    assert slowness.delay_s(day_s - 1) == 1.5
