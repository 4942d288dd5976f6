"""The demo's bank says that it has paid a loan out: a request that it signs, and an answer that it can show."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, KeySet

from tests.flows.demo import Partner as Caller
from tests.flows.demo import running
from tests.unit.signatures.partner import COVERED, Partner, read_answer

pytestmark = pytest.mark.slow
ASK = 'sig=();created;nonce="n-1"'
SHOWN = ("@status", "content-digest", "clausegate-receipt", '"@target-uri";req', '"signature";req')


class Bank:
    """Harbor bank's program: its tokens are bound, its changes signed by the key that it authenticates with."""

    def __init__(self, url: str, credential: dict[str, str]) -> None:
        self.caller = Caller(url, credential)
        key = ECKey.import_key(Path(credential["private_key_file"]).read_bytes())
        self._signer = Partner(kid=key.thumbprint(), key=key)
        self._signer.base_url = self.url = url

    def bound(self, path: str) -> dict[str, str]:
        """The headers of one change, with a new proof and not signed. What is answered comes as it was digested."""
        proved = {name.lower(): value for name, value in self.caller.signed_in("PATCH", path).items()}
        return {"content-type": "application/json", "accept-encoding": "identity", **proved}

    def signed(self, path: str, body: bytes) -> dict[str, str]:
        """The same with a signature that is good now."""
        self._signer.now_s = time.time()
        return self._signer.sign("PATCH", path, self.bound(path), body, covered=COVERED)

    def change(self, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        return httpx.patch(self.url + path, headers=headers, content=body, timeout=30)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    folder = tmp_path_factory.mktemp("signed") / "d"
    with running(folder.parent / "said", "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        credentials = json.loads((folder / "credentials.json").read_bytes())
        made = Bank(process.url, next(each for each in credentials if each["partner"] == "harbor-bank"))
        yield made
        made.caller.close()


def waiting(bank: Bank) -> str:
    """The path of an order that the bank has not paid out yet."""
    page = bank.caller.get("/v1/repayments?limit=200").json()["data"]
    return f"/v1/repayments/{next(each['order_no'] for each in page if each['disbursed_on'] is None)}"


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).removeprefix("/problems/")


def test_a_disbursement_is_confirmed_by_a_signed_request_once_and_by_nothing_else(bank: Bank) -> None:
    path = waiting(bank)
    body = b'{"disbursed_on": "2026-06-20", "disbursement_ref": "HA-20260620-1"}'
    unsigned = bank.change(path, bank.bound(path), body)
    assert problem(unsigned) == (403, "signature-required")
    assert (unsigned.json()["clause"]["agreement"], unsigned.json()["clause"]["id"]) == ("harbor-bank-2026", "2.3")
    headers = bank.signed(path, body)
    assert problem(bank.change(path, headers, body.replace(b"06-20", b"06-21"))) == (400, "digest-mismatch")
    made = bank.change(path, {**headers, **proof_of(bank, path), "accept-signature": ASK}, body)
    assert (made.status_code, made.json()["disbursed_on"]) == (200, "2026-06-20"), made.text
    again = bank.change(path, {**headers, **proof_of(bank, path)}, body)
    assert problem(again) == (403, "signature-invalid")
    assert bank.caller.get(path).json()["disbursement_ref"] == "HA-20260620-1"
    shown = read_answer(published(bank), ("PATCH", path, headers), whole(made), SHOWN, bank.url)
    assert shown['"signature";req'] == headers["signature"]


def proof_of(bank: Bank, path: str) -> dict[str, str]:
    """A new proof beside a signature that is not: tokens are the same."""
    return {"dpop": bank.bound(path)["dpop"]}


def published(bank: Bank) -> dict[str, Any]:
    keys = KeySet.import_key_set(httpx.get(f"{bank.url}/.well-known/jwks.json").json())
    return {str(key.kid): key.public_key for key in keys.keys}


def whole(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    return answer.status_code, dict(answer.headers), answer.content
