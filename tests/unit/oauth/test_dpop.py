"""A proof is good once, for one request, for the holder of one key; whatever is wrong with it, it is refused."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from msgspec.json import decode, encode

from gateway.oauth.dpop import PROOF_BYTES_MAX, PROOF_LIFETIME_S, ProofFault, Proofs, Proved
from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.oauth.nonces import WINDOW_S, Nonces
from gateway.oauth.replay import Claim, LocalReplayCache
from gateway.store.hidden import Hidden
from tests.unit.oauth.possession import BASE_URL, NONCES, PATH, ath, prove, thumbprint
from tests.unit.oauth.stage import NOW_S, client_key, signed

TOKEN = b"an.access.token"


class Spy(LocalReplayCache):
    """Remembers what it was asked to keep, or says that it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: list[tuple[str, str, float]] = []
        self.down = False

    async def claim(self, who: str, jti: str, now_s: float, until_s: float) -> Claim:
        self.claims.append((who, jti, until_s))
        return "unavailable" if self.down else await super().claim(who, jti, now_s, until_s)


@pytest.fixture
def replay() -> Spy:
    return Spy()


@pytest.fixture
def proofs(replay: Spy) -> Proofs:
    return Proofs(base_url=BASE_URL, nonces=NONCES, replay=replay)


async def why(proofs: Proofs, proof: bytes, method: str = "GET", path: bytes = PATH, now_s: float = NOW_S) -> str:
    """The reason of the fault; "" for none."""
    found = await proofs.check(proof, method, path, now_s, TOKEN)
    return found.reason if isinstance(found, ProofFault) else ""


def unsigned(algorithm: str, jwk: dict[str, Any]) -> bytes:
    """With something in the place of a signature: the header is what is refused."""
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk}
    return f"{urlsafe_b64encode(encode(header)).decode()}.e30.AAAA".encode()


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
async def test_a_good_proof_says_whose_key_it_is(proofs: Proofs, algorithm: Any) -> None:
    key = client_key(algorithm)
    for _ in range(2):  # the second time the key is known
        assert await proofs.check(prove(key=key, token=TOKEN), "GET", PATH, NOW_S, TOKEN) == Proved(thumbprint(key), "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"header": {"typ": "JWT"}}, "type"),
        ({"header": {"typ": "at+jwt"}}, "type"),
        ({"header": {"typ": ["dpop+jwt"]}}, "type"),
        ({"without": ["typ"]}, "type"),
        ({"header": {"alg": "none"}}, "malformed"),
        ({"without": ["jwk"]}, "key"),
        ({"header": {"jwk": "key"}}, "key"),
        ({"header": {"jwk": {}}}, "key"),
        ({"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}, "key"),
        ({"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}}, "key"),
        ({"header": {"crit": ["exp"]}}, "malformed"),
        ({"header": {"b64": False, "crit": ["b64"]}}, "malformed"),
        ({"header": {"b64": True}}, "malformed"),
        ({"without": ["jti"]}, "claims"),
        ({"jti": ""}, "claims"),
        ({"jti": "j" * 129}, "claims"),
        ({"jti": 7}, "claims"),
        ({"without": ["htm"]}, "claims"),
        ({"htm": "POST"}, "method"),
        ({"htm": "get"}, "method"),
        ({"htm": ["GET"]}, "claims"),
        ({"without": ["htu"]}, "claims"),
        ({"htu": f"{BASE_URL}/v1/repayments"}, "target"),
        ({"htu": "https://gateway.example.evil.example/v1/shipments"}, "target"),
        ({"htu": "https://user@gateway.example/v1/shipments"}, "target"),
        ({"htu": "http://gateway.example/v1/shipments"}, "target"),
        ({"htu": "/v1/shipments"}, "target"),
        ({"htu": ""}, "target"),
        ({"without": ["iat"]}, "claims"),
        ({"iat": str(int(NOW_S))}, "claims"),
        ({"iat": -PROOF_LIFETIME_S - 1}, "issued-at"),
        ({"iat": CLOCK_SKEW_S + 1}, "issued-at"),
        ({"iat": 1e300}, "issued-at"),
        ({"exp": 0}, "expired"),
        ({"exp": -1}, "expired"),
        ({"exp": "later"}, "claims"),
        ({"nbf": CLOCK_SKEW_S + 1}, "not-yet"),
        ({"nbf": "soon"}, "claims"),
        ({"without": ["ath"]}, "token-hash"),
        ({"ath": ath(b"another.access.token")}, "token-hash"),
        ({"ath": ath(TOKEN) + "="}, "token-hash"),
        ({"ath": base64.b64encode(b"\0" * 32).decode()}, "token-hash"),
        ({"ath": 7}, "claims"),
        ({"without": ["nonce"]}, "nonce-missing"),
        ({"nonce": "made-up"}, "nonce-unknown"),
        ({"nonce": ""}, "nonce-unknown"),
        ({"nonce": Nonces(Hidden(b"o" * 32)).issue(NOW_S)}, "nonce-unknown"),
        ({"nonce": NONCES.issue(NOW_S - 10 * WINDOW_S)}, "nonce-unknown"),
        ({"nonce": 7}, "claims"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_proof_with_one_thing_wrong_is_refused_and_not_used_up(
    proofs: Proofs, replay: Spy, changes: dict[str, Any], reason: str
) -> None:
    assert await why(proofs, prove(token=TOKEN, **changes)) == reason
    assert replay.claims == []


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"typ": "DPoP+JWT"}},
        {"header": {"typ": "application/dpop+jwt"}},
        {"header": {"kid": "k", "x5c": ["AAAA"], "jku": "https://evil.example", "x5u": "https://evil.example"}},
        {"jti": "j" * 128},
        {"iat": -PROOF_LIFETIME_S},
        {"iat": CLOCK_SKEW_S},
        {"iat": -0.5},
        {"exp": 1},
        {"nbf": CLOCK_SKEW_S},
        {"htu": "HTTPS://GATEWAY.example:443/v1/%73hipments?limit=10#top"},
        {"sub": "whatever", "aud": ["else"]},
    ],
    ids=lambda value: str(value)[:50],
)
async def test_what_is_within_the_rules_is_taken(proofs: Proofs, changes: dict[str, Any]) -> None:
    assert await why(proofs, prove(token=TOKEN, **changes)) == ""


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES384", "none", "RS512", "Ed448"])
async def test_no_other_algorithm_is_taken_whatever_the_key(proofs: Proofs, algorithm: str) -> None:
    key = client_key("ES256")
    assert isinstance(key, ECKey)
    public = key.as_bytes(private=False)
    assert await why(proofs, prove(key=public, token=TOKEN, header={"alg": "HS256"})) == "key"
    for kind in ("PS256", "ES256", "EdDSA"):
        assert await why(proofs, unsigned(algorithm, client_key(kind).as_dict(private=False))) == "key"


async def test_an_rsa_key_does_not_sign_by_the_old_padding(proofs: Proofs) -> None:
    assert await why(proofs, prove(key=client_key("PS256"), token=TOKEN, header={"alg": "RS256"})) == "key"


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
async def test_a_proof_that_gives_the_private_key_away_is_refused(proofs: Proofs, algorithm: Any) -> None:
    key = client_key(algorithm)
    assert await why(proofs, prove(key=key, token=TOKEN, header={"jwk": key.as_dict(private=True)})) == "key"


async def test_a_key_does_not_sign_by_the_algorithm_of_another_kind(proofs: Proofs) -> None:
    for algorithm, kind in (("PS256", "ES256"), ("EdDSA", "ES256"), ("ES256", "PS256"), ("ES256", "EdDSA")):
        assert await why(proofs, unsigned(algorithm, client_key(kind).as_dict(private=False))) == "key"


@pytest.mark.filterwarnings("ignore:Key size")
@pytest.mark.parametrize("which", ["small", "curve", "agreement", "exponent"])
async def test_a_key_of_the_wrong_kind_is_refused(proofs: Proofs, which: str) -> None:
    jwk = {
        "small": lambda: RSAKey.generate_key(1024, auto_kid=False).as_dict(private=False),
        "curve": lambda: ECKey.generate_key("P-384").as_dict(private=False),
        "agreement": lambda: OKPKey.generate_key("X25519").as_dict(private=False),
        "exponent": lambda: {
            **client_key("PS256").as_dict(private=False),
            "e": urlsafe_b64encode(b"\xff" * 9).decode(),
        },
    }[which]()
    algorithm = {"small": "PS256", "curve": "ES256", "agreement": "EdDSA", "exponent": "PS256"}[which]
    assert await why(proofs, unsigned(algorithm, jwk)) == "key"


async def test_a_proof_signed_by_another_key_than_it_shows_is_refused(proofs: Proofs) -> None:
    other = client_key("ES256", which=1)
    proof = prove(key=other, token=TOKEN, header={"jwk": client_key("ES256").as_dict(private=False)})
    assert await why(proofs, prove(token=TOKEN)) == "", "the key that is shown is known by now"
    assert await why(proofs, proof) == "signature"


async def test_duplicate_members_are_refused_wherever_they_are(proofs: Proofs) -> None:
    key = client_key("ES256")
    good = prove(token=TOKEN).decode()
    header, claims = (urlsafe_b64decode(part.encode()) for part in good.split(".")[:2])
    for head, body in (
        (header[:-1] + b',"typ":"dpop+jwt"}', claims),
        (header, claims[:-1] + b',"htm":"GET"}'),
        (header.replace(b'"kty"', b'"kty":"EC","kty"'), claims),
    ):
        assert await why(proofs, signed(head, body, key).encode()) == "malformed"
    assert await why(proofs, signed(header, claims, key).encode()) == ""


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        (b"", "malformed"),
        (b"repeated", "repeated"),
        (b"a.b.c", "malformed"),
        (b"\xff\xfe.a.b", "malformed"),
        (b"e30.e30.e30", "type"),
        (b"." * PROOF_BYTES_MAX, "malformed"),
        (b"a" * (PROOF_BYTES_MAX + 1), "too-long"),
        (b"a" * 1_000_000, "too-long"),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_what_is_no_proof_is_refused(proofs: Proofs, proof: bytes, reason: str) -> None:
    assert await why(proofs, proof) == reason


async def test_two_proofs_in_one_header_are_none(proofs: Proofs) -> None:
    assert await why(proofs, prove(token=TOKEN) + b", " + prove(token=TOKEN)) == "malformed"


async def test_a_proof_is_good_once(proofs: Proofs) -> None:
    proof = prove(token=TOKEN)
    assert [await why(proofs, proof) for _ in range(3)] == ["", "replayed", "replayed"]


async def test_a_jti_is_used_up_for_one_key_alone(proofs: Proofs) -> None:
    for key in (client_key("ES256"), client_key("ES256", which=1)):
        assert await why(proofs, prove(key=key, token=TOKEN, jti="same")) == ""
    assert await why(proofs, prove(token=TOKEN, jti="same", iat=-1)) == "replayed"


async def test_it_is_kept_for_as_long_as_any_node_could_take_it(proofs: Proofs, replay: Spy) -> None:
    await why(proofs, prove(token=TOKEN, jti="a", iat=CLOCK_SKEW_S))
    until_s = NOW_S + CLOCK_SKEW_S + PROOF_LIFETIME_S + CLOCK_SKEW_S
    assert replay.claims == [(f"dpop {thumbprint()}", "a", until_s)]


async def test_a_proof_for_one_path_or_method_is_none_for_another(proofs: Proofs) -> None:
    assert await why(proofs, prove(token=TOKEN), path=b"/v1/shipments/7") == "target"
    assert await why(proofs, prove(token=TOKEN), path=b"/v1/shipments/") == "target"
    assert await why(proofs, prove(token=TOKEN), method="DELETE") == "method"
    assert await why(proofs, prove(token=TOKEN), path=b"/v1/ship ments") == "target"
    assert await why(proofs, prove(token=TOKEN), path=b"/v1/../v1/%73hipments") == ""


async def test_the_path_of_the_base_url_is_part_of_the_target() -> None:
    below = Proofs(base_url="https://gateway.example/bank/", nonces=NONCES, replay=LocalReplayCache())
    assert await why(below, prove(token=TOKEN)) == "target"
    assert await why(below, prove(token=TOKEN, htu="https://gateway.example/bank/v1/shipments")) == ""


async def test_at_the_token_endpoint_a_hash_of_a_token_is_not_looked_at(proofs: Proofs) -> None:
    for proof in (prove(method="POST", path=b"/oauth/token"), prove(method="POST", path=b"/oauth/token", ath="x")):
        assert isinstance(await proofs.check(proof, "POST", b"/oauth/token", NOW_S), Proved)


async def test_a_missing_nonce_is_asked_for_by_name(proofs: Proofs) -> None:
    found = await proofs.check(prove(token=TOKEN, without=["nonce"]), "GET", PATH, NOW_S, TOKEN)
    assert found == ProofFault("nonce-missing", needs_nonce=True, nonce=NONCES.issue(NOW_S))


async def test_a_newer_nonce_is_offered_when_a_window_has_passed(proofs: Proofs) -> None:
    for windows, offered in ((0, ""), (1, NONCES.issue(NOW_S)), (4, NONCES.issue(NOW_S))):
        proof = prove(token=TOKEN, nonce=NONCES.issue(NOW_S - windows * WINDOW_S))
        assert await proofs.check(proof, "GET", PATH, NOW_S, TOKEN) == Proved(thumbprint(), offered)


async def test_a_cache_that_cannot_say_refuses(proofs: Proofs, replay: Spy) -> None:
    replay.down = True
    found = await proofs.check(prove(token=TOKEN), "GET", PATH, NOW_S, TOKEN)
    assert found == ProofFault("unavailable", unavailable=True)


async def test_another_key_than_the_one_expected_is_refused_and_not_used_up(proofs: Proofs, replay: Spy) -> None:
    found = await proofs.check(prove(token=TOKEN), "GET", PATH, NOW_S, TOKEN, thumbprint="other")
    assert found == ProofFault("other-key")
    assert replay.claims == []


async def test_the_keys_that_are_known_have_a_bound_and_need_a_good_signature(proofs: Proofs) -> None:
    head = {"jwk": client_key("ES256", 1).as_dict(private=False)}
    await why(proofs, prove(token=TOKEN, header=head))
    assert not proofs._holders
    holder = client_key("ES256")
    for number in range(2_100):
        proofs._remember(str(number), None)  # type: ignore[arg-type]
    assert await why(proofs, prove(key=holder, token=TOKEN)) == ""
    assert len(proofs._holders) == 2_000


async def test_a_base_url_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="base URL"):
        Proofs(base_url="gateway.example", nonces=NONCES, replay=LocalReplayCache())


@settings(max_examples=50, deadline=None)
@given(data=st.data())
async def test_no_changed_byte_and_no_rubbish_gets_through(data: st.DataObject) -> None:
    proofs = Proofs(base_url=BASE_URL, nonces=NONCES, replay=LocalReplayCache())
    proof = prove(token=TOKEN)
    if data.draw(st.booleans()):
        rubbish = data.draw(st.binary(max_size=200))
        bad = data.draw(st.sampled_from([rubbish, proof[:100] + rubbish, proof + rubbish + b"x"]))
    else:
        place = data.draw(st.integers(0, len(proof) - 1))
        changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != proof[place]))
        bad = proof[:place] + bytes([changed]) + proof[place + 1 :]
    assert await why(proofs, bad) != ""


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=50, deadline=None)
@given(
    name=st.sampled_from(["typ", "alg", "jwk", "jti", "htm", "htu", "iat", "exp", "nbf", "ath", "nonce"]), value=_VALUES
)
async def test_whatever_a_member_is_the_answer_is_a_value(name: str, value: object) -> None:
    proofs = Proofs(base_url=BASE_URL, nonces=NONCES, replay=LocalReplayCache())
    key: Key = client_key("ES256")
    header, claims = (decode(urlsafe_b64decode(part.encode())) for part in prove(token=TOKEN).decode().split(".")[:2])
    (header if name in header else claims)[name] = value
    good_claims = signed({**header, "alg": "ES256"}, encode(claims), key).split(".")[1:]
    text = f"{urlsafe_b64encode(encode(header)).decode()}.{'.'.join(good_claims)}"
    found = await proofs.check(text.encode(), "GET", PATH, NOW_S, TOKEN)
    assert isinstance(found, Proved | ProofFault)
