"""An access token is good for exactly what it says, for as long as nothing changed."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from msgspec.json import encode
from msgspec.structs import replace

from gateway.oauth.authority import load_authority
from gateway.oauth.clients import revoke_tokens, set_client_disabled
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.keys import RETIRED_FOR_S, rotate_signing_keys
from gateway.oauth.tokens import claims_for, sign
from gateway.oauth.verify import INVALID, MISSING, TokenVerifier
from gateway.store.signing_keys import SigningKeys
from tests.unit.oauth.stage import ISSUER, NOW_S, Stage, signed

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


async def signing_key(stage: Stage) -> ECKey:
    (active, *_) = await SigningKeys(stage.store).all()
    return ECKey.import_key(msgspec.json.decode(active.private_jwk.reveal()))


async def bearer(
    stage: Stage, *, header: dict[str, Any] | None = None, without: str = "", key: Any = None, **claims: Any
) -> bytes:
    own = await signing_key(stage)
    body = {name: value for name, value in (CLAIMS | claims).items() if name != without}
    full = HEADER | {"kid": own.thumbprint()} | (header or {})
    return b"Bearer " + signed(full, encode(body), key or own).encode()


async def test_a_good_token_says_who_calls_and_what_they_may(stage: Stage) -> None:
    grant = stage.verifier.verify(await bearer(stage), NOW_S)
    assert grant == Grant(
        client="swift-logistics-app",
        partner="swift-logistics",
        audience=ISSUER,
        scopes=frozenset({"shipments:get", "shipments:list"}),
        token_id="t-1",
        key_id=(await signing_key(stage)).thumbprint(),
        issued_s=int(NOW_S),
        expires_s=int(NOW_S) + 300,
    )


async def test_without_a_header_the_token_is_missing(stage: Stage) -> None:
    assert stage.verifier.verify(None, NOW_S) == MISSING == Rejected("", "missing-token")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "https://other.example"},
        {"aud": [ISSUER]},
        {"sub": "somebody-else"},
        {"exp": int(NOW_S)},
        {"exp": str(int(NOW_S) + 300)},
        {"iat": int(NOW_S) + 11},
        {"nbf": int(NOW_S) + 11},
        {"jti": ""},
        {"jti": "j" * 129},
        {"scope": ["shipments:get"]},
        {"cnf": {"jkt": "x"}},
        {"filler": "f" * 4000},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_a_token_with_a_wrong_claim_is_invalid(stage: Stage, claims: dict[str, Any]) -> None:
    assert stage.verifier.verify(await bearer(stage, **claims), NOW_S) == INVALID


@pytest.mark.parametrize("without", sorted(CLAIMS))
async def test_a_token_without_one_of_its_claims_is_invalid(stage: Stage, without: str) -> None:
    assert stage.verifier.verify(await bearer(stage, without=without), NOW_S) == INVALID


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
async def test_a_token_with_a_wrong_header_is_invalid(stage: Stage, header: dict[str, Any]) -> None:
    assert stage.verifier.verify(await bearer(stage, header=header), NOW_S) == INVALID


async def test_a_token_without_typ_or_kid_is_invalid(stage: Stage) -> None:
    key = await signing_key(stage)
    for header in ({"alg": "ES256", "kid": key.thumbprint()}, {"alg": "ES256", "typ": "at+jwt"}):
        token = signed(header, encode(CLAIMS), key).encode()
        assert stage.verifier.verify(b"Bearer " + token, NOW_S) == INVALID


async def test_the_long_form_of_the_type_means_the_same(stage: Stage) -> None:
    header = {"typ": "application/AT+JWT"}
    assert isinstance(stage.verifier.verify(await bearer(stage, header=header), NOW_S), Grant)


async def test_the_public_key_is_no_shared_secret(stage: Stage) -> None:
    public = (await signing_key(stage)).as_bytes(private=False)
    assert stage.verifier.verify(await bearer(stage, header={"alg": "HS256"}, key=public), NOW_S) == INVALID


async def test_a_key_that_the_token_brings_along_is_not_looked_at(stage: Stage) -> None:
    stranger = ECKey.generate_key("P-256")
    header = {"jwk": stranger.as_dict(private=False), "jku": "https://other.example/keys", "x5u": "https://o.example"}
    assert stage.verifier.verify(await bearer(stage, header=header, key=stranger), NOW_S) == INVALID
    assert isinstance(stage.verifier.verify(await bearer(stage, header=header), NOW_S), Grant)


async def test_duplicate_members_are_refused_wherever_they_are(stage: Stage) -> None:
    key = await signing_key(stage)
    header = encode(HEADER | {"kid": key.thumbprint()})
    twice_typ = header[:-1] + b',"typ":"at+jwt"}'
    twice_exp = encode(CLAIMS)[:-1] + b',"exp":9999999999}'
    for token in (signed(twice_typ, encode(CLAIMS), key), signed(header, twice_exp, key)):
        assert stage.verifier.verify(b"Bearer " + token.encode(), NOW_S) == INVALID
    assert isinstance(stage.verifier.verify(b"Bearer " + signed(header, encode(CLAIMS), key).encode(), NOW_S), Grant)


async def test_only_one_spelling_of_the_header_is_taken(stage: Stage) -> None:
    good = await bearer(stage)
    token = good.removeprefix(b"Bearer ")
    assert isinstance(stage.verifier.verify(b"bEARER " + token, NOW_S), Grant)
    for bad in (b"Bearer  ", b"Bearer\t", b"Bearer", b"Basic ", b"DPoP ", b""):
        assert stage.verifier.verify(bad + token, NOW_S) == INVALID
    for bad in (good + b" ", good + b"=", good + b".", good + b".x", good[:-1], good + "é".encode()):
        assert stage.verifier.verify(bad, NOW_S) == INVALID


async def test_a_token_over_the_cap_is_not_even_read(stage: Stage) -> None:
    assert stage.verifier.verify(b"Bearer " + b"a" * 4097, NOW_S) == INVALID


async def test_a_remembered_token_still_expires(stage: Stage) -> None:
    header = await bearer(stage)
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    assert isinstance(stage.verifier.verify(header, NOW_S + 299.9), Grant)
    assert stage.verifier.verify(header, NOW_S + 300) == INVALID


async def test_a_remembered_token_is_judged_against_the_clock_as_it_is(stage: Stage) -> None:
    header = await bearer(stage)
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    assert stage.verifier.verify(header, NOW_S - 11) == INVALID


async def test_a_remembered_token_of_a_disabled_client_is_invalid(stage: Stage) -> None:
    header = await bearer(stage)
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    await set_client_disabled(stage.store, "swift-logistics-app", True, now_s=int(NOW_S))
    await stage.refresh()
    assert stage.verifier.verify(header, NOW_S) == INVALID


async def test_revoking_ends_what_was_issued_and_not_what_will_be(stage: Stage) -> None:
    header = await bearer(stage)
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    await revoke_tokens(stage.store, "swift-logistics-app", now_s=int(NOW_S))
    await stage.refresh()
    assert stage.verifier.verify(header, NOW_S) == INVALID
    assert isinstance(stage.verifier.verify(await bearer(stage, iat=int(NOW_S) + 1), NOW_S), Grant)


async def test_a_token_issued_in_the_second_of_a_revocation_is_good(stage: Stage) -> None:
    await revoke_tokens(stage.store, "swift-logistics-app", now_s=int(NOW_S))
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
    header = await bearer(stage, exp=int(NOW_S) + 10_000)
    await rotate_signing_keys(stage.store, int(NOW_S))
    await stage.refresh()
    assert isinstance(stage.verifier.verify(header, NOW_S), Grant)
    stage.clock.now_s = NOW_S + RETIRED_FOR_S
    await stage.refresh()
    assert stage.verifier.verify(header, NOW_S) == INVALID


async def test_the_cache_stays_within_its_bounds_and_forgets_the_oldest_first(stage: Stage) -> None:
    verifier = stage.verifier
    verifier._generation_max = 4
    headers = [await bearer(stage, jti=f"t-{number}") for number in range(20)]
    for header in headers:
        assert isinstance(verifier.verify(header, NOW_S), Grant)
        assert isinstance(verifier.verify(headers[0], NOW_S), Grant)
        assert len(verifier._young) + len(verifier._old) <= 8


async def test_what_is_not_a_token_is_not_remembered(stage: Stage) -> None:
    for number in range(50):
        assert stage.verifier.verify(f"Bearer nonsense-{number}".encode(), NOW_S) == INVALID
    assert not stage.verifier._young


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_changed_byte_and_no_rubbish_gets_through(stage: Stage, data: st.DataObject) -> None:
    good = await bearer(stage)
    if data.draw(st.booleans()):
        bad = data.draw(st.binary(max_size=200))
        bad = data.draw(st.sampled_from([bad, b"Bearer " + bad, b"Bearer a." + bad]))
    else:
        place = data.draw(st.integers(len(b"Bearer "), len(good) - 1))
        changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[place]))
        bad = good[:place] + bytes([changed]) + good[place + 1 :]
    assert stage.verifier.verify(bad, NOW_S) == INVALID


async def test_two_issuers_do_not_take_each_others_tokens(stage: Stage) -> None:
    authority = await load_authority(stage.store, NOW_S)
    other = TokenVerifier(issuer="https://other.example", audience="https://other.example", authority=authority)
    assert other.verify(await bearer(stage), NOW_S) == INVALID
    keys = replace(authority.keys, verifying={})
    nobody = TokenVerifier(issuer=ISSUER, audience=ISSUER, authority=replace(authority, keys=keys))
    assert nobody.verify(await bearer(stage), NOW_S) == INVALID
