"""Whatever is sent, form and credentials are read or refused, and nothing else happens."""

import base64
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.provisional import urls

from gateway.oauth.answers import Refusal
from gateway.oauth.credentials import ASSERTION_TYPE, CLIENT_ID, Assertion, Basic, Unusable, read_credentials
from gateway.oauth.form import BODY_BYTES_MAX, read_form

FORM = (b"application/x-www-form-urlencoded",)


@given(st.binary(max_size=300) | urls().map(str.encode))
def test_any_body_is_a_form_or_refused(body: bytes) -> None:
    form = read_form(FORM, body)
    assert isinstance(form, Refusal) or all(form.values())


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=20), max_size=10))
def test_a_form_is_read_as_it_was_meant(form: dict[str, str]) -> None:
    try:
        body = urlencode(form).encode()
    except UnicodeEncodeError:
        return
    assert read_form(FORM, body) == form


def test_the_cap_is_exact() -> None:
    def filled(size_bytes: int) -> bytes:
        return b"a=" + b"x" * (size_bytes - 2)

    assert isinstance(read_form(FORM, filled(BODY_BYTES_MAX)), dict)
    assert isinstance(read_form(FORM, filled(BODY_BYTES_MAX + 1)), Refusal)


@given(st.binary(max_size=200), st.booleans())
def test_any_authorization_header_is_credentials_or_unusable(header: bytes, encoded: bool) -> None:
    value = b"Basic " + base64.b64encode(header) if encoded else header
    credentials = read_credentials([value], {})
    assert isinstance(credentials, Basic | Unusable)
    assert credentials.client_id == "" or CLIENT_ID.fullmatch(credentials.client_id)


@given(st.text(max_size=200))
def test_any_assertion_is_credentials_or_unusable(text: str) -> None:
    form = {"client_assertion": text or "x", "client_assertion_type": ASSERTION_TYPE}
    assert isinstance(read_credentials([], form), Assertion | Unusable)


def test_both_parts_of_basic_may_be_percent_encoded() -> None:
    header = b"Basic " + base64.b64encode(b"my%2Dapp:a%3Ab+c")
    credentials = read_credentials([header], {})
    assert isinstance(credentials, Basic)
    assert (credentials.client_id, credentials.secret.reveal()) == ("my-app", "a:b c")


def test_credentials_do_not_show_what_they_hold() -> None:
    header = b"Basic " + base64.b64encode(b"app:canary")
    assert "canary" not in repr(read_credentials([header], {}))
