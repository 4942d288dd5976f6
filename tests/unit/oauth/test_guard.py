"""Each way to show a token beside each way it may be bound: who gets in, and what the others are told."""

import asyncio
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from gateway.credentials.reasons import words_of_reason
from gateway.oauth.certificate import Certificate
from gateway.oauth.certificates import AuthorityFault
from gateway.oauth.dpop import ProofReason
from gateway.oauth.grant import Admitted, Rejected
from gateway.oauth.guard import HolderReason
from gateway.oauth.nonces import WINDOW_S
from gateway.oauth.replay import Claim, LocalReplayCache
from gateway.oauth.tokens import Held
from gateway.oauth.verify import TokenReason
from tests.unit.oauth.possession import METADATA_URL, NONCES, Bank, prove, thumbprint
from tests.unit.oauth.stage import NOW_S, client_key

CERTIFICATE = Certificate("c" * 43, b"one")
OTHER_CERTIFICATE = Certificate("d" * 43, b"another")
METADATA = f'resource_metadata="{METADATA_URL}"'
ALGORITHMS = f'algs="PS256 ES256 EdDSA", {METADATA}'
BARE = f"Bearer {METADATA}, DPoP {ALGORITHMS}"
BAD_BEARER = f'Bearer error="invalid_token", {METADATA}, DPoP {ALGORITHMS}'
BAD_DPOP = f'DPoP error="invalid_token", {ALGORITHMS}'
BAD_PROOF = f'DPoP error="invalid_dpop_proof", {ALGORITHMS}'
NEEDS_NONCE = f'DPoP error="use_dpop_nonce", {ALGORITHMS}'


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank()


def held(binding: str) -> Held:
    return {"none": Held("none", ""), "dpop": Held("dpop", thumbprint()), "mtls": Held("mtls", CERTIFICATE.thumbprint)}[
        binding
    ]


def told(rejected: Admitted | Rejected) -> tuple[str, str, str]:
    """The code, the challenge, and the reason that the caller is not told."""
    assert isinstance(rejected, Rejected)
    return rejected.code, dict(rejected.headers).get(b"www-authenticate", b"").decode(), rejected.reason


# binding, scheme, what of proof and certificate is shown
ADMITTED = [
    ("none", "Bearer", ""),
    ("none", "bEARER", ""),
    ("none", "Bearer", "certificate"),
    ("none", "Bearer", "proof"),
    ("none", "Bearer", "bad proof"),
    ("mtls", "Bearer", "certificate"),
    ("mtls", "Bearer", "proof certificate"),
    ("dpop", "DPoP", "proof"),
    ("dpop", "dpop", "proof"),
    ("dpop", "DPoP", "proof other certificate"),
]
REFUSED = [
    ("none", "DPoP", "", "invalid-token", BAD_DPOP, "token-not-bound"),
    ("none", "DPoP", "proof", "invalid-token", BAD_DPOP, "token-not-bound"),
    ("mtls", "Bearer", "", "invalid-token", BAD_BEARER, "certificate-missing"),
    ("mtls", "Bearer", "proof", "invalid-token", BAD_BEARER, "certificate-missing"),
    ("mtls", "Bearer", "other certificate", "invalid-token", BAD_BEARER, "certificate-other"),
    ("mtls", "DPoP", "proof certificate", "invalid-token", BAD_DPOP, "token-not-bound"),
    ("dpop", "Bearer", "", "invalid-token", BAD_BEARER, "token-needs-proof"),
    ("dpop", "Bearer", "proof", "invalid-token", BAD_BEARER, "token-needs-proof"),
    ("dpop", "Bearer", "certificate", "invalid-token", BAD_BEARER, "token-needs-proof"),
    ("dpop", "DPoP", "", "invalid-dpop-proof", BAD_PROOF, "proof-missing"),
    ("dpop", "DPoP", "bad proof", "invalid-dpop-proof", BAD_PROOF, "proof-malformed"),
    ("dpop", "DPoP", "two proofs", "invalid-dpop-proof", BAD_PROOF, "proof-repeated"),
    ("dpop", "DPoP", "stranger's proof", "invalid-token", BAD_DPOP, "proof-other-key"),
    ("dpop", "DPoP", "other token's proof", "invalid-dpop-proof", BAD_PROOF, "proof-token-hash"),
    ("dpop", "DPoP", "proof without nonce", "use-dpop-nonce", NEEDS_NONCE, "proof-nonce-missing"),
]


async def shown(bank: Bank, binding: str, scheme: str, shows: str) -> Admitted | Rejected:
    token = bank.token(held(binding))
    certificate = None
    if "certificate" in shows:
        certificate = OTHER_CERTIFICATE if "other certificate" in shows else CERTIFICATE
    proofs: dict[str, Any] = {
        "bad proof": lambda: b"a.b.c",
        "two proofs": lambda: b"repeated",
        "stranger's proof": lambda: prove(token=token, key=client_key("ES256", which=1)),
        "other token's proof": lambda: prove(token=bank.token(held(binding))),
        "proof without nonce": lambda: prove(token=token, without=["nonce"]),
        "proof": lambda: prove(token=token),
    }
    made = next((make() for words, make in proofs.items() if words in shows), None)
    return await bank.ask(scheme.encode() + b" " + token, made, certificate)


@pytest.mark.parametrize(("binding", "scheme", "shows"), ADMITTED)
async def test_whoever_shows_what_the_token_is_bound_to_gets_in(
    bank: Bank, binding: str, scheme: str, shows: str
) -> None:
    found = await shown(bank, binding, scheme, shows)
    assert isinstance(found, Admitted), found
    assert (found.grant.partner, found.grant.client) == ("harbor-bank", "harbor-bank-app")
    assert (found.grant.binding, found.grant.thumbprint) == (held(binding).binding, held(binding).thumbprint)
    assert found.headers == ()


@pytest.mark.parametrize(("binding", "scheme", "shows", "code", "challenge", "reason"), REFUSED)
async def test_nobody_else_does(  # noqa: PLR0917 - the columns of the table
    bank: Bank, binding: str, scheme: str, shows: str, code: str, challenge: str, reason: str
) -> None:
    found = await shown(bank, binding, scheme, shows)
    assert told(found) == (code, challenge, reason)
    assert isinstance(found, Rejected)
    assert (found.partner, found.client) == ("harbor-bank", "harbor-bank-app"), "its partner may be told why"
    assert found.error == code.replace("-", "_")


async def test_without_credentials_the_challenges_are_bare_whatever_else_is_shown(bank: Bank) -> None:
    for proof, certificate in ((None, None), (prove(), None), (None, CERTIFICATE)):
        found = await bank.ask(None, proof, certificate)
        assert told(found) == ("missing-token", BARE, "")
        assert found.error == ""  # type: ignore[union-attr]  # told() saw to it


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (b"Bearer nonsense", BAD_BEARER),
        (b"Bearer", BAD_BEARER),
        (b"repeated", BAD_BEARER),
        (b"Basic aGFyYm9yOmJhbms=", BAD_BEARER),
        (b"DPoP nonsense", BAD_DPOP),
        (b"dpop " + b"a" * 5000, BAD_DPOP),
        (b"DPoP\xff", BAD_BEARER),
    ],
    ids=lambda value: str(value)[:16],
)
async def test_what_is_no_token_tells_nobody_anything(bank: Bank, authorization: bytes, challenge: str) -> None:
    found = await bank.ask(authorization, prove())
    assert told(found) == ("invalid-token", challenge, "")
    assert (found.partner, found.client) == ("", "")  # type: ignore[union-attr]  # told() saw to it


@pytest.mark.parametrize("fault", get_args(AuthorityFault))
async def test_of_a_certificate_that_was_withdrawn_its_partner_alone_is_told_why(fault: AuthorityFault) -> None:
    asked: list[tuple[str, Certificate, float]] = []

    def standing_of(client_id: str, certificate: Certificate, now_s: float) -> AuthorityFault | None:
        asked.append((client_id, certificate, now_s))
        return fault

    bank = Bank(standing_of=standing_of)
    found = await bank.ask(b"Bearer " + bank.token(held("mtls")), None, CERTIFICATE)
    assert told(found) == ("invalid-token", BAD_BEARER, fault)
    assert isinstance(found, Rejected)
    assert (found.partner, found.client) == ("harbor-bank", "harbor-bank-app")
    assert asked == [("harbor-bank-app", CERTIFICATE, NOW_S)]
    for binding, scheme in (("none", b"Bearer "), ("dpop", b"DPoP ")):
        token = bank.token(held(binding))
        assert isinstance(await bank.ask(scheme + token, prove(token=token), CERTIFICATE), Admitted)
    assert len(asked) == 1


def test_every_reason_can_be_told_to_a_partner_in_words() -> None:
    reasons = (*get_args(TokenReason), *get_args(HolderReason), *(f"proof-{each}" for each in get_args(ProofReason)))
    assert [reason for reason in reasons if words_of_reason(reason) is None] == []


async def test_a_proof_gets_one_request_through_and_no_second(bank: Bank) -> None:
    token = bank.token(held("dpop"))
    proof = prove(token=token)
    assert isinstance(await bank.ask(b"DPoP " + token, proof), Admitted)
    assert told(await bank.ask(b"DPoP " + token, proof)) == ("invalid-dpop-proof", BAD_PROOF, "proof-replayed")


async def test_a_proof_for_one_request_is_none_for_another(bank: Bank) -> None:
    token = bank.token(held("dpop"))
    elsewhere = await bank.ask(b"DPoP " + token, prove(token=token), path=b"/v1/repayments")
    assert told(elsewhere)[2] == "proof-target"
    changing = await bank.ask(b"DPoP " + token, prove(token=token), method="POST")
    assert told(changing)[2] == "proof-method"


async def test_the_nonce_that_is_wanted_is_in_the_answer(bank: Bank) -> None:
    token = bank.token(held("dpop"))
    found = await bank.ask(b"DPoP " + token, prove(token=token, nonce="made-up"))
    assert isinstance(found, Rejected)
    nonce = dict(found.headers)[b"dpop-nonce"].decode()
    assert isinstance(await bank.ask(b"DPoP " + token, prove(token=token, nonce=nonce)), Admitted)


async def test_who_gets_in_with_an_older_nonce_gets_a_newer_one_along(bank: Bank) -> None:
    token = bank.token(held("dpop"))
    found = await bank.ask(b"DPoP " + token, prove(token=token, nonce=NONCES.issue(NOW_S - WINDOW_S)))
    assert isinstance(found, Admitted)
    assert found.headers == ((b"dpop-nonce", NONCES.issue(NOW_S).encode()),)


async def test_when_nobody_can_say_whether_a_proof_was_used_the_answer_is_to_come_back() -> None:
    class Down(LocalReplayCache):
        async def claim(self, who: str, jti: str, now_s: float, until_s: float) -> Claim:
            return "unavailable"

    bank = Bank(Down())
    token = bank.token(held("dpop"))
    found = await bank.ask(b"DPoP " + token, prove(token=token))
    assert told(found) == ("state-unavailable", "", "proof-unavailable")
    assert dict(found.headers)[b"retry-after"]


async def test_of_many_at_once_with_one_proof_one_gets_in(bank: Bank) -> None:
    token = bank.token(held("dpop"))
    proof = prove(token=token)
    found = await asyncio.gather(*(bank.ask(b"DPoP " + token, proof) for _ in range(20)))
    assert sum(isinstance(each, Admitted) for each in found) == 1


@pytest.mark.parametrize("binding", ["none", "dpop", "mtls"])
async def test_a_token_that_is_no_longer_good_says_why_to_its_partner_alone(bank: Bank, binding: str) -> None:
    token = bank.token(held(binding))
    scheme, challenge = (b"DPoP ", BAD_DPOP) if binding == "dpop" else (b"Bearer ", BAD_BEARER)
    late = await bank.ask(scheme + token, prove(token=token), CERTIFICATE, now_s=NOW_S + 300)
    assert told(late) == ("invalid-token", challenge, "token-expired")
    bank.verifier.adopt(replace(bank.authority, revoked_until_s={"harbor-bank-app": int(NOW_S)}))
    revoked = await bank.ask(scheme + token, prove(token=token), CERTIFICATE)
    bank.verifier.adopt(bank.authority)
    assert told(revoked) == ("invalid-token", challenge, "token-revoked")
    assert isinstance(await bank.ask(scheme + token, prove(token=token), CERTIFICATE), Admitted)


async def test_a_bad_token_is_refused_before_its_proof_is_looked_at(bank: Bank) -> None:
    proof = prove(token=b"nonsense")
    assert told(await bank.ask(b"DPoP nonsense", proof))[0] == "invalid-token"
    found = await bank.proofs.check(proof, "GET", b"/v1/shipments", NOW_S, b"nonsense")
    assert found.thumbprint == thumbprint()  # type: ignore[union-attr]  # it was not used up
