"""Reads public keys and certificates that are to be registered, and says of each why it cannot be used.

No fault repeats what was given: it could be a private key.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from gateway.oauth.certificate import thumbprint_of as x5t_of
from gateway.oauth.jose import algorithm_of, end_of_key
from gateway.store.clients import KEYS_MAX, ClientKey, RegisteredCertificate
from policies.reference import Words

CERTIFICATE_CHARACTERS_MAX: Final = 16_384
_KID_CHARACTERS_MAX: Final = 128
_RSA_BITS_MIN: Final = 2048
_CURVES: Final = (SECP256R1, SECP384R1, SECP521R1)

Fault: TypeAlias = Literal[
    "not-a-key",
    "unreadable-key",
    "private-key",
    "not-a-signing-key",
    "odd-kid",
    "odd-key-end",
    "key-ended",
    "repeated-kid",
    "known-kid",
    "not-a-certificate",
    "several-certificates",
    "certificate-with-private-key",
    "certificate-ended",
    "certificate-not-yet-valid",
    "weak-certificate-key",
    "known-certificate",
]
FAULTS: Mapping[Fault, Words] = MappingProxyType(
    {
        "not-a-key": {"en": "is not a JWK", "zh": "不是 JWK"},
        "unreadable-key": {"en": "is not a JWK that can be read", "zh": "不是可读取的 JWK"},
        "private-key": {
            "en": "is a private key (or a shared one): register the public key, and replace this one",
            "zh": "是私钥（或共享密钥）：请登记公钥，并更换该密钥",
        },
        "not-a-signing-key": {
            "en": "is not a signing key for PS256, ES256, EdDSA: "
            "RSA of 2048 bits or more for PS256, P-256 for ES256, Ed25519 for EdDSA",
            "zh": "不是可用于 PS256、ES256、EdDSA 的签名密钥："
            "PS256 须为 2048 位以上的 RSA，ES256 须为 P-256，EdDSA 须为 Ed25519",
        },
        "odd-kid": {
            "en": f"kid has 1 to {_KID_CHARACTERS_MAX} printable characters",
            "zh": f"kid 须为 1 至 {_KID_CHARACTERS_MAX} 个可打印字符",
        },
        "odd-key-end": {
            "en": "exp is when the key ends, in Unix seconds",
            "zh": "exp 须为密钥的到期时间（Unix 秒）",
        },
        "key-ended": {"en": "has ended, by its exp", "zh": "按其 exp 已到期"},
        "repeated-kid": {"en": "the kid is given twice", "zh": "kid 重复"},
        "known-kid": {
            "en": "the client has another key of this kid: give the new key a kid of its own",
            "zh": "该客户端已有使用此 kid 的另一密钥：请为新密钥使用不同的 kid",
        },
        "not-a-certificate": {
            "en": "is not a certificate as PEM that can be read",
            "zh": "不是可读取的 PEM 证书",
        },
        "several-certificates": {
            "en": "is more than one certificate: send the client's own alone, without its chain",
            "zh": "包含多张证书：请仅发送客户端自身的证书，不含证书链",
        },
        "certificate-with-private-key": {
            "en": "comes with a private key: replace that key, and send the certificate alone",
            "zh": "附带私钥：请更换该私钥，并仅发送证书",
        },
        "certificate-ended": {"en": "has ended", "zh": "已过期"},
        "certificate-not-yet-valid": {"en": "is not valid yet", "zh": "尚未生效"},
        "weak-certificate-key": {
            "en": "has a key that is too weak: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519",
            "zh": "的密钥强度不足：须为 2048 位以上的 RSA、P-256、P-384、P-521 或 Ed25519",
        },
        "known-certificate": {"en": "is registered for this client already", "zh": "已登记于该客户端"},
    }
)


def read_key(member: object, now_s: float) -> ClientKey | Fault:
    """One key of a JWK set, which is good now. Without `kid` it gets its RFC 7638 thumbprint; it ends by its `exp`."""
    if not isinstance(member, dict):
        return "not-a-key"
    try:
        key: Key = import_key(member)
    except (JoseError, ValueError, TypeError, KeyError):
        return "unreadable-key"
    if key.is_private:
        return "private-key"
    algorithm = algorithm_of(key)
    if algorithm is None or member.get("alg", algorithm) != algorithm or member.get("use", "sig") != "sig":
        return "not-a-signing-key"
    kid = member.get("kid", key.thumbprint())
    # A kid goes into records and onto terminals.
    if not isinstance(kid, str) or not 0 < len(kid) <= _KID_CHARACTERS_MAX or not kid.isprintable():
        return "odd-kid"
    try:
        ends_s = end_of_key(member)
    except ValueError:
        return "odd-key-end"
    read = ClientKey(kid, algorithm, json.dumps(key.as_dict(private=False)), ends_s)
    return read if read.is_live(now_s) else "key-ended"


def read_keys(members: list[Any], now_s: float) -> tuple[ClientKey | Fault, ...]:
    """The keys of a JWK set, each by itself, in their order."""
    found: list[ClientKey | Fault] = []
    known: set[str] = set()
    for member in members:
        key = read_key(member, now_s)
        if isinstance(key, ClientKey):
            if key.kid in known:
                key = "repeated-kid"
            else:
                known.add(key.kid)
        found.append(key)
    return tuple(found)


def members_of(jwks: Mapping[str, Any]) -> list[Any] | None:
    """The keys of a JWK set as they were given; None for what is no set of 1 to KEYS_MAX."""
    members = jwks.get("keys")
    return members if isinstance(members, list) and 1 <= len(members) <= KEYS_MAX else None


def thumbprint_of(key: ClientKey) -> str:
    """What two spellings of one key have in common (RFC 7638)."""
    return str(import_key(json.loads(key.jwk)).thumbprint())


def read_certificate(pem: str, now_s: float) -> RegisteredCertificate | Fault:
    """A client's own certificate, of today. Who signed it does not matter: it is known by its thumbprint."""
    if "PRIVATE KEY-----" in pem:
        return "certificate-with-private-key"
    if len(pem) > CERTIFICATE_CHARACTERS_MAX or not pem.isascii():
        return "not-a-certificate"
    try:
        return _read(x509.load_pem_x509_certificates(pem.encode()), now_s)
    except Exception:
        # Besides ValueError the library has errors of its own for odd keys, times and encodings.
        return "not-a-certificate"


def _read(certificates: list[x509.Certificate], now_s: float) -> RegisteredCertificate | Fault:
    if len(certificates) > 1:
        return "several-certificates"
    (certificate,) = certificates
    ends_s = int(certificate.not_valid_after_utc.timestamp())
    if ends_s <= now_s:
        return "certificate-ended"
    if certificate.not_valid_before_utc.timestamp() > now_s:
        return "certificate-not-yet-valid"
    if not _strong(certificate.public_key()):
        return "weak-certificate-key"
    thumbprint = x5t_of(certificate.public_bytes(Encoding.DER))
    return RegisteredCertificate(thumbprint, certificate.public_bytes(Encoding.PEM).decode(), ends_s, int(now_s))


def _strong(key: object) -> bool:
    if isinstance(key, RSAPublicKey):
        return key.key_size >= _RSA_BITS_MIN
    if isinstance(key, EllipticCurvePublicKey):
        return isinstance(key.curve, _CURVES)
    return isinstance(key, Ed25519PublicKey)
