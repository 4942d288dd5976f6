"""What the RFCs print as examples is read here as they say. Each vector checks itself: it was typed, or it is wrong."""

import hashlib
import hmac
from typing import Any

import pytest
from cryptography import x509
from joserfc.jwk import DictKey, ECKey, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from msgspec import to_builtins

from gateway.credentials.reading import read_certificate
from gateway.oauth.certificate import certificate_from_pem
from gateway.oauth.dpop import ProofFault, Proofs
from gateway.oauth.jose import algorithm_of, contents_of, is_signed_by
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import LocalReplayCache
from gateway.oauth.tokens import Held, confirmation_of
from gateway.store.clients import RegisteredCertificate
from gateway.store.hidden import Hidden
from tests.unit.oauth.possession import ath

# RFC 9449 section 4.2, figures 2 and 4; section 5, figure 6; section 7, figure 12.
PROOF_KEY: dict[str, Any] = {
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}
PROOF_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik"
    "VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR"
    "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE"
    "QSIsImNydiI6IlAtMjU2In19"
)
TOKEN_PROOF = (
    f"{_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj"
    "oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia"
    "WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg"
    "4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
REFRESH_PROOF = (
    f"{_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj"
    "oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia"
    "WF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5Qs"
    "GSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA"
)
RESOURCE_PROOF = (
    f"{_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj"
    "oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z"
    "WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF"
    "c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E"
    "OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RESOURCE_TOKEN = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

# RFC 7515 appendices A.1 to A.3 and A.5: one payload, signed in four ways.
_PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
HS256_JWS = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{_PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
HS256_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RS256_JWS = (
    f"eyJhbGciOiJSUzI1NiJ9.{_PAYLOAD}."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr"
    "7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x"
    "i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioy"
    "pGlUPQGe77Rw"
)
RS256_KEY: dict[str, Any] = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2l"
    "ZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2"
    "CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb"
    "54h4FRWyuXpoQ",
    "e": "AQAB",
}
ES256_JWS = (
    f"eyJhbGciOiJFUzI1NiJ9.{_PAYLOAD}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
ES256_KEY: dict[str, Any] = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
UNSECURED_JWS = f"eyJhbGciOiJub25lIn0.{_PAYLOAD}."

# RFC 7638 section 3.1.
THUMBPRINT_KEY: dict[str, Any] = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n"
    "3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZH"
    "zu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8"
    "awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}

# RFC 8037 appendix A.
ED25519_KEY: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ED25519_D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
ED25519_JWS = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
X25519_KEY: dict[str, Any] = {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}

# RFC 8705 appendix A, figures 5 to 7.
MTLS_CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
"""
MTLS_THUMBPRINT = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
MTLS_KEY: DictKey = {
    "kty": "EC",
    "x": "1yfLHCpXqFjxCeHHHMVDTcLscpb07KUxudBmOMn8C7Q",
    "y": "8_coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8",
    "crv": "P-256",
}


def altered(token: str) -> str:
    """The first character of the signature is another."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def proofs(base_url: str) -> Proofs:
    return Proofs(base_url=base_url, nonces=Nonces(Hidden(bytes(32))), replay=LocalReplayCache())


@pytest.mark.parametrize(("proof", "made_s"), [(TOKEN_PROOF, 1_562_262_616), (REFRESH_PROOF, 1_562_265_296)])
async def test_rfc_9449_a_proof_for_the_token_endpoint_lacks_nothing_but_our_nonce(proof: str, made_s: int) -> None:
    at = proofs("https://server.example.com")
    found = await at.check(proof.encode(), "POST", b"/token", made_s)
    assert isinstance(found, ProofFault)
    assert (found.reason, found.needs_nonce) == ("nonce-missing", True)
    wrong = await at.check(altered(proof).encode(), "POST", b"/token", made_s)
    assert isinstance(wrong, ProofFault)
    assert wrong.reason == "signature"


@pytest.mark.parametrize(
    ("token", "reason"), [(RESOURCE_TOKEN, "nonce-missing"), (RESOURCE_TOKEN + b"x", "token-hash")]
)
async def test_rfc_9449_a_proof_for_a_resource_goes_with_its_token_alone(token: bytes, reason: str) -> None:
    at = proofs("https://resource.example.org")
    found = await at.check(
        RESOURCE_PROOF.encode(), "GET", b"/protectedresource", 1_562_262_618, token, thumbprint=PROOF_THUMBPRINT
    )
    assert isinstance(found, ProofFault)
    assert found.reason == reason


def test_rfc_9449_the_thumbprint_of_the_key_and_the_hash_of_the_token() -> None:
    assert import_key(PROOF_KEY).thumbprint() == PROOF_THUMBPRINT
    assert ath(RESOURCE_TOKEN) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_rfc_7638_section_3_1_the_thumbprint_of_an_rsa_key_is_of_its_required_members() -> None:
    assert RSAKey.import_key(THUMBPRINT_KEY).thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rfc_8037_appendix_a_the_thumbprint_and_the_signature_of_an_ed25519_key() -> None:
    key = OKPKey.import_key(ED25519_KEY)
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert algorithm_of(key) == "EdDSA"
    assert is_signed_by(ED25519_JWS, key, "EdDSA")
    assert not is_signed_by(altered(ED25519_JWS), key, "EdDSA")
    signing_input, _, signature = ED25519_JWS.rpartition(".")
    private = OKPKey.import_key({**ED25519_KEY, "d": ED25519_D})
    made = JWSRegistry.algorithms["EdDSA"].sign(signing_input.encode(), private)
    assert made == urlsafe_b64decode(signature.encode())


def test_rfc_8037_appendix_a_6_a_key_for_agreement_signs_nothing() -> None:
    assert algorithm_of(OKPKey.import_key(X25519_KEY)) is None


def test_rfc_7515_appendix_a_3_a_signature_by_es256() -> None:
    key = ECKey.import_key(ES256_KEY)
    assert is_signed_by(ES256_JWS, key, "ES256")
    assert not is_signed_by(altered(ES256_JWS), key, "ES256")
    contents = contents_of(ES256_JWS)
    assert contents is not None
    assert contents.claims == {"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": True}


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
@pytest.mark.parametrize("key", [ES256_KEY, RS256_KEY, ED25519_KEY], ids=lambda key: key["kty"])
@pytest.mark.parametrize("token", [HS256_JWS, RS256_JWS, UNSECURED_JWS], ids=["HS256", "RS256", "none"])
def test_rfc_7515_appendices_a_1_a_2_and_a_5_are_signed_in_ways_that_are_not_taken(
    token: str, key: dict[str, Any], algorithm: str
) -> None:
    assert not is_signed_by(token, import_key(key), algorithm)


def test_rfc_7515_the_refused_ones_are_good_by_their_own_algorithms() -> None:
    signing_input, _, signature = HS256_JWS.rpartition(".")
    made = hmac.digest(urlsafe_b64decode(HS256_KEY.encode()), signing_input.encode(), hashlib.sha256)
    assert made == urlsafe_b64decode(signature.encode())
    signing_input, _, signature = RS256_JWS.rpartition(".")
    assert JWSRegistry.algorithms["RS256"].verify(
        signing_input.encode(), urlsafe_b64decode(signature.encode()), RSAKey.import_key(RS256_KEY)
    )
    assert contents_of(UNSECURED_JWS) is None, "without a signature it is no token"


def test_rfc_8705_appendix_a_the_thumbprint_of_a_certificate_and_the_token_that_is_bound_to_it() -> None:
    certificate = certificate_from_pem(MTLS_CERTIFICATE)
    assert certificate is not None
    assert certificate.thumbprint == MTLS_THUMBPRINT
    bound = to_builtins(confirmation_of(Held("mtls", certificate.thumbprint)))
    assert bound == {"x5t#S256": MTLS_THUMBPRINT}
    shown = x509.load_der_x509_certificate(certificate.der).public_key()
    assert ECKey.import_key(MTLS_KEY).public_key == shown


def test_rfc_8705_appendix_a_a_certificate_that_ended_is_not_registered() -> None:
    text, begins_s, ends_s = MTLS_CERTIFICATE.decode(), 1_539_866_229, 1_651_495_029
    assert read_certificate(text, begins_s - 1) == "certificate-not-yet-valid"
    registered = read_certificate(text, begins_s)
    assert isinstance(registered, RegisteredCertificate)
    assert (registered.thumbprint, registered.not_after_s) == (MTLS_THUMBPRINT, ends_s)
    assert read_certificate(text, ends_s) == "certificate-ended"
