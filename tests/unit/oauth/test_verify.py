"""An access token is good for exactly what it says, for as long as nothing changed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from msgspec.json import encode
from msgspec.structs import replace

from gateway.oauth.authority import Authority, load_authority
from gateway.oauth.grant import Detail, Grant, Rejected
from gateway.oauth.keys import RETIRED_FOR_S, KeyRing, Signer, rotate_signing_keys
from gateway.oauth.tokens import claims_for, sign
from gateway.oauth.verify import INVALID, MISSING, TokenVerifier
from gateway.store.clients import Clients
from tests.unit.oauth.stage import ISSUER, NOW_S, Stage, signed

KEY = ECKey.generate_key("P-256")
KID = KEY.thumbprint()
AUTHORITY = Authority(KeyRing(Signer(KID, KEY), {KID: KEY}, b""), {})
HEADER = {"alg": "ES256", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "swift-logistics-app",
    "client_id": "swift-logistics-app",
    "partner": "swift-logistics",
    "aud": ISSUER,
    "scope": "shipments:get shipments:list",
    "iat": int(NOW_S),
    "exp": int(NOW_S) + 300,
    "jti": "t-1",
}
THUMBPRINT = "t" * 43
DETAIL = {"type": "data_contract", "agreement": "swift-logistics-2026", "products": ["shipments"], "actions": ["get"]}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(issuer=ISSUER, audience=ISSUER, authority=AUTHORITY)


async def signing_key(stage: Stage) -> ECKey:
    return (await load_authority(stage.store, NOW_S)).keys.signer.key


def bearer(*, header: dict[str, Any] | None = None, without: str = "", key: Any = KEY, **claims: Any) -> bytes:
    body = {name: value for name, value in (CLAIMS | claims).items() if name != without}
    kid = key.thumbprint() if isinstance(key, ECKey) and not header else KID
    return b"Bearer " + signed(HEADER | {"kid": kid} | (header or {}), encode(body), key).encode()


def no_longer(reason: str) -> Rejected:
    return replace(INVALID, partner="swift-logistics", client="swift-logistics-app", reason=reason)


def twin_of(header: bytes) -> bytes:
    """The same token with the other signature that is as good: s and n - s (a property of ECDSA)."""
    contents, _, signature = header.rpartition(b".")
    r, s = (signature_bytes := urlsafe_b64decode(signature))[:32], int.from_bytes(signature_bytes[32:], "big")
    return contents + b"." + urlsafe_b64encode(r + (P256_ORDER - s).to_bytes(32, "big"))


def test_a_good_token_says_who_calls_and_what_they_may(verifier: TokenVerifier) -> None:
    grant = verifier.verify(bearer(), NOW_S)
    assert grant == Grant(
        client="swift-logistics-app",
        partner="swift-logistics",
        audience=ISSUER,
        scopes=frozenset({"shipments:get", "shipments:list"}),
        token_id="t-1",
        key_id=KID,
        issued_s=int(NOW_S),
        expires_s=int(NOW_S) + 300,
    )


def test_without_a_header_the_token_is_missing(verifier: TokenVerifier) -> None:
    assert verifier.verify(None, NOW_S) == MISSING == Rejected("", "missing-token")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": [ISSUER]},
        {"sub": "somebody-else"},
        {"exp": str(int(NOW_S) + 300)},
        {"nbf": int(NOW_S) + 11},
        {"jti": ""},
        {"jti": "j" * 129},
        {"scope": ["shipments:get"]},
        {"cnf": None},
        {"cnf": {}},
        {"cnf": "x"},
        {"cnf": {"jkt": "x"}},
        {"cnf": {"jkt": 7}},
        {"cnf": {"jkt": THUMBPRINT, "x5t#S256": THUMBPRINT}},
        {"cnf": {"jkt": THUMBPRINT, "kid": "k"}},
        {"cnf": {"jwk": {"kty": "oct", "k": "AAAA"}}},
        {"cnf": {"x5t": THUMBPRINT}},
        {"authorization_details": None},
        {"authorization_details": DETAIL},
        {"authorization_details": [{**DETAIL, "type": "payment_initiation"}]},
        {"authorization_details": [{**DETAIL, "locations": ["https://other.example"]}]},
        {"authorization_details": [{**DETAIL, "products": None}]},
        {"authorization_details": [{"type": "data_contract"}]},
        {"filler": "f" * 4000},
    ],
    ids=lambda claims: str(claims)[:60],
)
def test_a_token_with_a_wrong_claim_is_invalid(verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    assert verifier.verify(bearer(**claims), NOW_S) == INVALID


@pytest.mark.parametrize("without", sorted(CLAIMS))
def test_a_token_without_one_of_its_claims_is_invalid(verifier: TokenVerifier, without: str) -> None:
    assert verifier.verify(bearer(without=without), NOW_S) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": 7},
        {"alg": "none"},
        {"kid": "unknown"},
        {"kid": ["a"]},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_header_is_invalid(verifier: TokenVerifier, header: dict[str, Any]) -> None:
    assert verifier.verify(bearer(header=header), NOW_S) == INVALID


def test_a_token_without_typ_or_kid_is_invalid(verifier: TokenVerifier) -> None:
    for header in ({"alg": "ES256", "kid": KID}, {"alg": "ES256", "typ": "at+jwt"}):
        token = signed(header, encode(CLAIMS), KEY).encode()
        assert verifier.verify(b"Bearer " + token, NOW_S) == INVALID


def test_the_long_form_of_the_type_means_the_same(verifier: TokenVerifier) -> None:
    header = {"typ": "application/AT+JWT"}
    assert isinstance(verifier.verify(bearer(header=header), NOW_S), Grant)


def test_the_public_key_is_no_shared_secret(verifier: TokenVerifier) -> None:
    public = KEY.as_bytes(private=False)
    assert verifier.verify(bearer(header={"alg": "HS256"}, key=public), NOW_S) == INVALID


def test_a_key_that_the_token_brings_along_is_not_looked_at(verifier: TokenVerifier) -> None:
    stranger = ECKey.generate_key("P-256")
    header = {"jwk": stranger.as_dict(private=False), "jku": "https://other.example/keys", "x5u": "https://o.example"}
    assert verifier.verify(bearer(header=header, key=stranger), NOW_S) == INVALID
    assert isinstance(verifier.verify(bearer(header=header), NOW_S), Grant)


def test_duplicate_members_are_refused_wherever_they_are(verifier: TokenVerifier) -> None:
    header = encode(HEADER | {"kid": KID})
    twice_typ = header[:-1] + b',"typ":"at+jwt"}'
    twice_exp = encode(CLAIMS)[:-1] + b',"exp":9999999999}'
    for token in (signed(twice_typ, encode(CLAIMS), KEY), signed(header, twice_exp, KEY)):
        assert verifier.verify(b"Bearer " + token.encode(), NOW_S) == INVALID
    assert isinstance(verifier.verify(b"Bearer " + signed(header, encode(CLAIMS), KEY).encode(), NOW_S), Grant)


def test_only_one_spelling_of_the_header_is_taken(verifier: TokenVerifier) -> None:
    good = bearer()
    token = good.removeprefix(b"Bearer ")
    assert isinstance(verifier.verify(b"bEARER " + token, NOW_S), Grant)
    for bad in (b"Bearer  ", b"Bearer\t", b"Bearer", b"Basic ", b"DPoP", b"DPoP  ", b""):
        assert verifier.verify(bad + token, NOW_S) == INVALID
    for bad in (good + b" ", good + b"=", good + b".", good + b".x", good[:-1], good + "é".encode()):
        assert verifier.verify(bad, NOW_S) == INVALID


def test_a_token_over_the_cap_is_not_even_read(verifier: TokenVerifier) -> None:
    assert verifier.verify(b"Bearer " + b"a" * 4097, NOW_S) == INVALID


def test_a_remembered_token_still_expires(verifier: TokenVerifier) -> None:
    header = bearer()
    assert isinstance(verifier.verify(header, NOW_S), Grant)
    assert isinstance(verifier.verify(header, NOW_S + 299.9), Grant)
    assert verifier.verify(header, NOW_S + 300) == no_longer("token-expired")


def test_a_remembered_token_is_judged_against_the_clock_as_it_is(verifier: TokenVerifier) -> None:
    header = bearer()
    assert isinstance(verifier.verify(header, NOW_S), Grant)
    assert verifier.verify(header, NOW_S - 11) == no_longer("token-not-yet")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://other.example"}, "token-audience"),
        ({"exp": int(NOW_S)}, "token-expired"),
        ({"iat": int(NOW_S) + 11}, "token-not-yet"),
    ],
)
def test_a_token_that_is_ours_and_not_for_here_and_now_is_invalid_and_says_whose_it_was(
    verifier: TokenVerifier, claims: dict[str, Any], reason: str
) -> None:
    for _ in range(2):  # the second time it is remembered
        assert verifier.verify(bearer(**claims), NOW_S) == no_longer(reason)


def test_a_remembered_token_that_was_revoked_by_itself_is_invalid_and_another_is_not(verifier: TokenVerifier) -> None:
    header, other = bearer(), bearer(jti="t-2")
    assert isinstance(verifier.verify(header, NOW_S), Grant)
    verifier.adopt(replace(AUTHORITY, revoked_tokens=frozenset({"t-1"})))
    assert verifier.verify(header, NOW_S) == no_longer("token-revoked")
    assert isinstance(verifier.verify(other, NOW_S), Grant)
    # ECDSA signatures have a twin: the same token with another signature is another text, and as dead.
    assert verifier.verify(twin_of(header), NOW_S) == no_longer("token-revoked")


def test_what_a_token_is_bound_to_is_in_its_grant(verifier: TokenVerifier) -> None:
    for cnf, binding in (({"jkt": THUMBPRINT}, "dpop"), ({"x5t#S256": THUMBPRINT}, "mtls")):
        for scheme in (b"DPoP ", b"Bearer "):
            grant = verifier.verify(scheme + bearer(cnf=cnf).removeprefix(b"Bearer "), NOW_S)
            assert isinstance(grant, Grant)
            assert (grant.binding, grant.thumbprint) == (binding, THUMBPRINT)


def test_what_a_token_is_narrowed_to_is_in_its_grant(verifier: TokenVerifier) -> None:
    narrowed = [DETAIL, {**DETAIL, "purpose": ["repair"]}]
    grant = verifier.verify(bearer(authorization_details=narrowed), NOW_S)
    assert isinstance(grant, Grant)
    products, actions = frozenset({"shipments"}), frozenset({"get"})
    assert grant.details == (
        Detail("swift-logistics-2026", products, actions),
        Detail("swift-logistics-2026", products, actions, frozenset({"repair"})),
    )
    nothing = verifier.verify(bearer(authorization_details=[]), NOW_S)
    assert isinstance(nothing, Grant)
    assert nothing.details == ()


def test_the_cache_stays_within_its_bounds_and_forgets_the_oldest_first(verifier: TokenVerifier) -> None:
    verifier._generation_max = 4
    headers = [bearer(jti=f"t-{number}") for number in range(20)]
    for header in headers:
        assert isinstance(verifier.verify(header, NOW_S), Grant)
        assert isinstance(verifier.verify(headers[0], NOW_S), Grant)
        assert len(verifier._young) + len(verifier._old) <= 8


def test_what_is_not_a_token_is_not_remembered(verifier: TokenVerifier) -> None:
    for number in range(50):
        assert verifier.verify(f"Bearer nonsense-{number}".encode(), NOW_S) == INVALID
    assert not verifier._young


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_and_no_rubbish_gets_through(verifier: TokenVerifier, data: st.DataObject) -> None:
    good = bearer()
    if data.draw(st.booleans()):
        bad = data.draw(st.binary(max_size=200))
        bad = data.draw(st.sampled_from([bad, b"Bearer " + bad, b"Bearer a." + bad]))
    else:
        place = data.draw(st.integers(len(b"Bearer "), len(good) - 1))
        changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[place]))
        bad = good[:place] + bytes([changed]) + good[place + 1 :]
    assert verifier.verify(bad, NOW_S) == INVALID


def test_two_issuers_do_not_take_each_others_tokens(verifier: TokenVerifier) -> None:
    other = TokenVerifier(issuer="https://other.example", audience="https://other.example", authority=AUTHORITY)
    assert other.verify(bearer(), NOW_S) == INVALID
    keys = replace(AUTHORITY.keys, verifying={})
    nobody = TokenVerifier(issuer=ISSUER, audience=ISSUER, authority=replace(AUTHORITY, keys=keys))
    assert nobody.verify(bearer(), NOW_S) == INVALID


async def test_a_remembered_token_of_a_disabled_client_is_invalid(stage: Stage) -> None:
    header = bearer(key=await signing_key(stage))
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    await Clients(stage.store).set_disabled("swift-logistics-app", True, int(NOW_S))
    await stage.refresh()
    assert stage.verifier.verify(header, NOW_S) == no_longer("token-revoked")


async def test_revoking_ends_what_was_issued_and_not_what_will_be(stage: Stage) -> None:
    header = bearer(key=await signing_key(stage))
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    await Clients(stage.store).revoke("swift-logistics-app", int(NOW_S))
    await stage.refresh()
    assert stage.verifier.verify(header, NOW_S) == no_longer("token-revoked")
    assert isinstance(stage.verifier.verify(bearer(key=await signing_key(stage), iat=int(NOW_S) + 1), NOW_S), Grant)


async def test_a_token_issued_in_the_second_of_a_revocation_is_good(stage: Stage) -> None:
    await Clients(stage.store).revoke("swift-logistics-app", int(NOW_S))
    await stage.refresh()
    claims = claims_for(
        issuer=ISSUER,
        audience=ISSUER,
        client_id="swift-logistics-app",
        partner="swift-logistics",
        scopes=["a"],
        now_s=NOW_S,
        epoch_s=int(NOW_S),
    )
    signer = (await load_authority(stage.store, NOW_S)).keys.signer
    assert isinstance(stage.verifier.verify(b"Bearer " + sign(claims, signer).encode(), NOW_S), Grant)


async def test_a_remembered_token_dies_with_its_key(stage: Stage) -> None:
    header = bearer(key=await signing_key(stage), exp=int(NOW_S) + 10_000)
    await rotate_signing_keys(stage.store, int(NOW_S))
    await stage.refresh()
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    stage.clock.now_s = NOW_S + RETIRED_FOR_S
    await stage.refresh()
    assert stage.verifier.verify(header, NOW_S) == no_longer("token-key")
