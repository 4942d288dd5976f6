"""Every word that says why a call was refused means something to its partner, in both languages."""

from typing import get_args

import pytest

from gateway.credentials.reasons import words_of_error, words_of_reason
from gateway.oauth.answers import OWN_REASONS
from gateway.oauth.assertion import ASSERTION_REASONS
from gateway.oauth.dpop import ProofReason
from gateway.oauth.key_fetching import FETCH_REASONS
from gateway.oauth.metadata import RESOURCE_METADATA_PATH
from gateway.signatures.judging import Reason as SignatureReason

ALL = [
    *OWN_REASONS,
    *ASSERTION_REASONS,
    *FETCH_REASONS,
    *(f"proof-{each}" for each in get_args(ProofReason)),
    *(f"signature-{each}" for each in get_args(SignatureReason)),
]


@pytest.mark.parametrize("reason", ALL)
def test_a_reason_has_words_in_both_languages(reason: str) -> None:
    words = words_of_reason(reason)
    assert words is not None
    assert set(words) == {"en", "zh"}
    assert words["en"].isascii()
    assert not words["zh"].isascii()
    assert "{" not in words["en"] + words["zh"]


def test_what_is_none_has_no_words() -> None:
    assert [words_of_reason(each) for each in ("", "new", "signature-", "signature-new", "not-signed")] == [None] * 5


@pytest.mark.parametrize("reason", ["resource-missing", "resource-other"])
def test_whoever_named_the_wrong_resource_is_told_where_the_right_one_stands(reason: str) -> None:
    words = words_of_reason(reason) or {}
    for said in (words["en"], words["zh"]):
        assert "`resource`" in said
        assert RESOURCE_METADATA_PATH in said


@pytest.mark.parametrize(
    "code", ["invalid_client", "invalid_target", "invalid_scope", "use_dpop_nonce", "temporarily_unavailable"]
)
def test_errors_of_the_token_endpoint_have_words(code: str) -> None:
    words = words_of_error(code)
    assert words is not None
    assert set(words) == {"en", "zh"}
