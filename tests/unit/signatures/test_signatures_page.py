"""docs/signatures.md: its examples are run as they stand, and what they sign counts."""

import json
import re
import shutil
import subprocess
import time
from typing import Any, get_args

import pytest
from joserfc.jwk import ECKey

from gateway.signatures.base import Asked, origin_of
from gateway.signatures.judging import Claimed, Reason, SignatureFault, claimed, unsigned_by
from gateway.signatures.wording import said
from policies.clause import Signing
from policies.kinds.signed_requests import ALGORITHMS, PARTS
from policies.reference import ClauseRef
from tests.conftest import ROOT
from tests.unit.signatures.partner import BASE_URL, Partner

PAGE = (ROOT / "docs" / "signatures.md").read_text()
CLAUSE = ClauseRef("a", "1.0.0", "2.3", "", {"zh": "", "en": ""})
SIGNING = Signing(CLAUSE, PARTS, frozenset(ALGORITHMS), 60)
KEY = ECKey.generate_key("P-256")
TARGET = "/v1/repayments/FO-000017?x=%201"
BODY = '{"disbursed_on": "2026-06-20", "disbursement_ref": "HA-20260620-000017"}'
HEADERS = {"authorization": "DPoP abc", "content-type": "application/json", "idempotency-key": "k-1", "if-match": '"e"'}


def example(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


def counts(method: str, headers: dict[str, str], body: str) -> bool:
    path, _, query = TARGET.partition("?")
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    asked = Asked(origin_of(BASE_URL), method, path.encode(), query.encode(), fields)
    found = claimed(asked, (SIGNING,), time.time(), has_body=bool(body))
    assert isinstance(found, Claimed), found
    return unsigned_by(found, (Partner(kid="bank-1", key=KEY).key,), (SIGNING,)) is None


@pytest.mark.parametrize(("method", "body"), [("PATCH", BODY), ("DELETE", "")])
def test_the_python_example_signs_what_counts(method: str, body: str) -> None:
    names: dict[str, Any] = {}
    exec(example("python"), names)  # noqa: S102 - our own page
    headers = names["sign"](method, BASE_URL + TARGET, HEADERS, body.encode(), "bank-1", KEY.as_pem(private=True))
    assert counts(method, headers, body)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize(("method", "body"), [("PATCH", BODY), ("DELETE", "")])
def test_the_node_example_signs_what_counts(method: str, body: str) -> None:
    given = json.dumps([method, BASE_URL + TARGET, HEADERS, body, "bank-1", KEY.as_pem(private=True).decode()])
    program = f"{example('javascript')}\nconsole.log(JSON.stringify(sign(...{given})));"
    answered = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, check=True, timeout=60)
    assert counts(method, json.loads(answered.stdout), body)


def test_the_page_says_what_is_covered_and_by_what() -> None:
    for name in (*PARTS, *ALGORITHMS, "signature-required", "signature-invalid", "digest-mismatch"):
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_fault_is_said_in_both_languages_without_a_gap(reason: Reason) -> None:
    fault = SignatureFault(reason, CLAUSE, "if-match")
    english, chinese = (said(fault, language, BASE_URL) for language in ("en", "zh"))
    assert english.isascii()
    assert not chinese.isascii()
    assert not {"{", "}"} & set(english + chinese)
