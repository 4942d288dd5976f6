"""Signatures are those of Standard Webhooks: its own library verifies them; sealed secrets open for their endpoint."""

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.store.hidden import Hidden
from gateway.webhooks.signing import Sealing, new_secret, signature_header


def headers(message: str, time_s: int, signature: str) -> dict[str, str]:
    return {"webhook-id": message, "webhook-timestamp": str(time_s), "webhook-signature": signature}


@settings(max_examples=25)
@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_the_library_of_the_standard_verifies_what_we_sign(data: dict[str, str]) -> None:
    secret, time_s, body = new_secret(), int(time.time()), json.dumps(data).encode()
    signature = signature_header([secret], "msg_1", time_s, body)
    assert Webhook(secret.reveal()).verify(body, headers("msg_1", time_s, signature)) == data


def test_while_a_secret_changes_both_verify_and_no_other_does() -> None:
    new, old, time_s = new_secret(), new_secret(), int(time.time())
    signed = headers("msg_1", time_s, signature_header([new, old], "msg_1", time_s, b"{}"))
    for secret in (new, old):
        Webhook(secret.reveal()).verify(b"{}", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret().reveal()).verify(b"{}", signed)


@pytest.mark.parametrize("changed", ["body", "id", "time"])
def test_a_signature_covers_the_body_the_id_and_the_time(changed: str) -> None:
    secret, time_s = new_secret(), int(time.time())
    signature = signature_header([secret], "msg_1", time_s, b"{}")
    message = "msg_2" if changed == "id" else "msg_1"
    signed = headers(message, time_s + (changed == "time"), signature)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.reveal()).verify(b"[]" if changed == "body" else b"{}", signed)


def test_a_secret_has_256_bits_in_the_form_of_the_standard() -> None:
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", new_secret().reveal())
    assert len({new_secret().reveal() for _ in range(10)}) == 10


def test_a_sealed_secret_opens_for_its_endpoint_and_for_no_other() -> None:
    sealing, secret = Sealing(Hidden(bytes(32))), new_secret()
    sealed = sealing.seal(secret, "w-1")
    opened = sealing.open(sealed, "w-1")
    assert opened is not None
    assert opened.reveal() == secret.reveal()
    assert secret.reveal().encode() not in sealed
    assert sealing.open(sealed, "w-2") is None
    assert Sealing(Hidden(bytes([1] * 32))).open(sealed, "w-1") is None
    assert sealing.open(b"short", "w-1") is None
