"""What an operator may do with clients, and what is refused with which words."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from gateway.oauth.clients import ClientFault, NewClient, made_client, new_key_pair, read_public_keys
from gateway.store.clients import ClientKey, Clients
from tests.unit.oauth.adding import add_client
from tests.unit.oauth.stage import NOW_S, Stage, client_key

# RFC 7638, section 3.1: a key and its thumbprint.
RFC_7638_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi"
    "FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0"
    "zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC"
    "ur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC_7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_key_without_a_name_is_called_by_its_thumbprint_of_rfc_7638() -> None:
    unnamed = {name: value for name, value in RFC_7638_KEY.items() if name not in {"kid", "alg"}}
    keys = read_public_keys({"keys": [unnamed]}, NOW_S)
    assert isinstance(keys, tuple)
    assert [(key.kid, key.alg) for key in keys] == [(RFC_7638_THUMBPRINT, "PS256")]


def test_a_key_keeps_the_name_it_has() -> None:
    keys = read_public_keys({"keys": [RFC_7638_KEY | {"alg": "PS256"}]}, NOW_S)
    assert isinstance(keys, tuple)
    assert isinstance(keys[0], ClientKey)
    assert keys[0].kid == "2011-04-29"


@pytest.mark.parametrize(
    ("jwks", "says"),
    [
        ({}, "JWK set"),
        ({"keys": []}, "1 to 8 keys"),
        ({"keys": {}}, "JWK set"),
        ({"keys": ["x"]}, "keys[0]: is not a JWK"),
        ({"keys": [{"kty": "EC"}]}, "keys[0]: is not a JWK that can be read"),
        ({"keys": [{"kty": "canary"}]}, "keys[0]: is not a JWK that can be read"),
        ({"keys": [client_key("ES256").as_dict(private=True)]}, "keys[0]: is a private key"),
        ({"keys": [OctKey.generate_key(256).as_dict(private=True)]}, "keys[0]: is a private key"),
        ({"keys": [ECKey.generate_key("P-384").as_dict(private=False)]}, "keys[0]: is not a signing key"),
        ({"keys": [RFC_7638_KEY]}, "keys[0]: is not a signing key"),
        ({"keys": [client_key("ES256").as_dict(private=False, use="enc")]}, "keys[0]: is not a signing key"),
        ({"keys": [client_key("ES256").as_dict(private=False)] * 2}, "keys[1]: the kid is given twice"),
        ({"keys": [client_key("ES256").as_dict(private=False, kid="k" * 129)]}, "keys[0]: kid has 1 to 128"),
        ({"keys": [client_key("ES256").as_dict(private=False) | {"exp": NOW_S}]}, "keys[0]: has ended, by its exp"),
        ({"keys": [client_key("ES256").as_dict(private=False) | {"exp": "canary"}]}, "keys[0]: exp is when the key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_key_set_that_cannot_be_registered_says_which_key_and_why(jwks: dict[str, Any], says: str) -> None:
    fault = read_public_keys(jwks, NOW_S)
    assert isinstance(fault, ClientFault)
    assert says in fault.reason
    assert "canary" not in fault.reason


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_a_key_pair_made_here_can_be_registered_and_shows_no_private_part(algorithm: Any) -> None:
    pair = new_key_pair(algorithm)
    keys = read_public_keys(pair.jwks, NOW_S)
    assert isinstance(keys, tuple)
    assert keys[0].alg == algorithm
    assert '"d"' not in keys[0].jwk
    assert "PRIVATE" not in repr(pair)


@pytest.mark.parametrize(
    ("client_id", "method", "jwks", "says"),
    [
        ("swift-logistics-app", "client_secret_basic", None, "already"),
        ("", "client_secret_basic", None, "1 to 64"),
        ("a:b", "client_secret_basic", None, "1 to 64"),
        ("x" * 65, "client_secret_basic", None, "1 to 64"),
        ("new", "client_secret_post", None, "one of"),
        ("new", "private_key_jwt", None, "needs a JWK set"),
        ("new", "client_secret_basic", {"keys": []}, "has none"),
        ("new", "private_key_jwt", {"keys": []}, "1 to 8"),
    ],
)
async def test_a_client_that_cannot_be_added_changes_nothing(
    stage: Stage, client_id: str, method: Any, jwks: Any, says: str
) -> None:
    before = await Clients(stage.store).all()
    fault = await add_client(stage.store, "swift-logistics", client_id, method, jwks, now_s=int(NOW_S))
    assert isinstance(fault, ClientFault)
    assert says in fault.reason
    assert await Clients(stage.store).all() == before


async def test_clients_are_listed_without_secrets_and_credentials_hide_them(stage: Stage) -> None:
    added = await add_client(stage.store, "keel", "z-app", "client_secret_basic", now_s=int(NOW_S))
    assert not isinstance(added, ClientFault)
    assert added.secret is not None
    assert added.secret.reveal() not in repr(added)
    listed = await Clients(stage.store).all()
    assert [client.client_id for client in listed] == sorted(client.client_id for client in listed)
    assert all(client.secrets == () and client.keys == () for client in listed)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (NewClient("a", "keel", "private_key_jwt", {"keys": []}, jwks_url="https://a.example"), "nothing else"),
        (NewClient("a", "keel", "private_key_jwt", jwks_url="ftp://a.example"), "https"),
        (NewClient("a", "keel", "private_key_jwt", certificate_pem="x"), "needs a JWK set or a URL of one"),
        (NewClient("a", "keel", "tls_client_auth"), "needs the subject"),
        (NewClient("a", "keel", "tls_client_auth", tls_subject_kind="dn", tls_subject="x"), "distinguished name"),
        (NewClient("a", "keel", "self_signed_tls_client_auth", certificate_pem="x"), "the certificate is not"),
        (NewClient("a", "keel", "client_secret_basic", tls_subject_kind="dn", tls_subject="CN=a"), "has none"),
    ],
)
async def test_what_does_not_go_with_the_method_makes_no_client(stage: Stage, new: NewClient, says: str) -> None:
    made = await made_client(stage.store, new, int(NOW_S))
    assert isinstance(made, ClientFault)
    assert says in made.reason


async def test_a_client_is_made_with_the_url_or_the_subject_it_is_given(stage: Stage) -> None:
    at_url = NewClient("a", "keel", "private_key_jwt", jwks_url="https://a.example/jwks")
    by_name = NewClient("b", "keel", "tls_client_auth", tls_subject_kind="san_dns", tls_subject="a.example")
    for new in (at_url, by_name):
        made = await made_client(stage.store, new, int(NOW_S))
        assert not isinstance(made, ClientFault)
        client, secret = made
        kept = (client.jwks_url, client.tls_subject_kind, client.tls_subject, client.keys, client.secrets, secret)
        assert kept == (new.jwks_url, new.tls_subject_kind, new.tls_subject, (), (), None)
