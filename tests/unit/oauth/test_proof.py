"""A proof that we make is one that we take, says nothing that is secret, and is made with no key that is too weak."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import JWKRegistry

from gateway.oauth.dpop import Proofs, Proved
from gateway.oauth.jose import contents_of
from gateway.oauth.nonces import Nonces
from gateway.oauth.proof import make_proof, read_proof_key
from gateway.oauth.replay import LocalReplayCache
from gateway.store.hidden import Hidden

BASE = "https://gateway.example.com"
NOW_S = 1_800_000_000.5
NONCES = Nonces(Hidden(bytes(32)))
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k"}


def pem(private: object, encryption: KeySerializationEncryption | None = None) -> bytes:
    written: bytes = private.private_bytes(  # type: ignore[attr-defined]  # every kind of key has it
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    )
    return written


KEYS = {
    "ES256": pem(ec.generate_private_key(ec.SECP256R1())),
    "EdDSA": pem(ed25519.Ed25519PrivateKey.generate()),
    "PS256": pem(rsa.generate_private_key(65537, 2048)),
}


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_proof_that_we_make_is_one_that_we_take(algorithm: str) -> None:
    key = read_proof_key(KEYS[algorithm])
    assert key is not None
    assert key.algorithm == algorithm
    proofs = Proofs(base_url=BASE, nonces=NONCES, replay=LocalReplayCache())
    url, nonce = f"{BASE}/v1/shipments?limit=1#here", NONCES.issue(NOW_S)
    proof = make_proof(key, "GET", url, NOW_S, token="a.b.c", nonce=nonce)
    found = await proofs.check(proof.encode(), "GET", b"/v1/shipments", NOW_S, b"a.b.c")
    assert found == Proved(key.thumbprint, "")


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_proof_holds_the_public_key_and_nothing_beside_it(algorithm: str) -> None:
    key = read_proof_key(KEYS[algorithm])
    assert key is not None
    found = contents_of(make_proof(key, "POST", f"{BASE}/oauth/token?a=1#here", NOW_S))
    assert found is not None
    assert found.header.keys() == {"typ", "alg", "jwk"}
    assert not found.header["jwk"].keys() & PRIVATE_MEMBERS
    assert JWKRegistry.import_key(found.header["jwk"]).thumbprint() == key.thumbprint
    assert found.claims.keys() == {"jti", "htm", "htu", "iat"}
    assert found.claims["htu"] == f"{BASE}/oauth/token"


def test_each_proof_is_another_one() -> None:
    key = read_proof_key(KEYS["ES256"])
    assert key is not None
    assert len({make_proof(key, "GET", BASE, NOW_S) for _ in range(3)}) == 3


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - that is what it is about
        pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"a password")),
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["nothing", "no key", "P-384", "RSA of 1024 bits", "with a password", "public"],
)
def test_what_is_no_key_for_proofs_is_none(text: bytes) -> None:
    assert read_proof_key(text) is None
