"""The keys and messages of RFC 9421, appendix B, typed from there."""

import json
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.signatures.base import Asked, origin_of
from gateway.store.clients import ClientKey

DIGEST = b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
BODY = b'{"hello": "world"}'
FIELDS = (
    (b"host", b"example.com"),
    (b"date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
    (b"content-type", b"application/json"),
    (b"content-digest", DIGEST),
    (b"content-length", b"18"),
)
REQUEST = Asked(origin_of("https://example.com"), "POST", b"/foo", b"param=Value&Pet=dog", FIELDS)
ANSWER_DIGEST = b"sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
ANSWER_BODY = b'{"message": "good dog"}'
ANSWER = (
    (b"date", b"Tue, 20 Apr 2021 02:07:56 GMT"),
    (b"content-type", b"application/json"),
    (b"content-digest", ANSWER_DIGEST),
    (b"content-length", b"23"),
)

RSA_PSS = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
"""
P256 = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
"""
ED25519 = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""


def registered(kid: str, algorithm: str, pem: str) -> ClientKey:
    """A public key as a client registers it."""
    kinds: dict[str, Any] = {"PS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}
    key = kinds[algorithm].import_key(pem)
    return ClientKey(kid, algorithm, json.dumps(key.as_dict(private=False)))


KEYS = (
    registered("test-key-rsa-pss", "PS256", RSA_PSS),
    registered("test-key-ecc-p256", "ES256", P256),
    registered("test-key-ed25519", "EdDSA", ED25519),
)
