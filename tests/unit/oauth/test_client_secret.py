"""A secret is known by its digest, in its time, whatever is compared with it."""

import hashlib
import hmac

from gateway.oauth.client_secret import digest_of, live_secret, new_secret
from gateway.store.clients import ClientSecret
from gateway.store.hidden import Hidden

PEPPER = Hidden(b"p" * 32)


def row(secret: str, expires_s: int | None = None) -> ClientSecret:
    return ClientSecret(digest_of(secret, PEPPER), 0, expires_s)


def test_a_digest_is_hmac_sha_256_under_the_pepper() -> None:
    assert digest_of("s", PEPPER) == hmac.new(b"p" * 32, b"s", hashlib.sha256).digest()
    assert digest_of("s", PEPPER) != digest_of("s", Hidden(b"q" * 32))


def test_a_new_secret_holds_256_bits_and_differs_from_the_next() -> None:
    first, second = new_secret().reveal(), new_secret().reveal()
    assert len(first) == 43
    assert first != second


def test_both_live_secrets_are_right_and_no_other() -> None:
    known = [row("old"), row("new")]
    found = [live_secret(each, known, PEPPER, 10) for each in ("old", "new", "other", "")]
    assert found == [*known, None, None]


def test_a_secret_ends_in_the_second_it_expires() -> None:
    assert live_secret("s", [row("s", 100)], PEPPER, 99.9)
    assert not live_secret("s", [row("s", 100)], PEPPER, 100)


def test_nothing_is_right_for_a_client_without_secrets() -> None:
    assert not live_secret("", [], PEPPER, 10)
    assert not live_secret("s", [], PEPPER, 10)


def test_a_secret_of_any_characters_is_compared_and_not_an_error() -> None:
    assert not live_secret("\ud800é\0", [row("s")], PEPPER, 10)
