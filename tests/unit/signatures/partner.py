"""A partner who signs requests and reads signed answers with an implementation that is not ours."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    MappingKeyResolver,
    algorithms,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.store.clients import ClientKey

BASE_URL = "https://api.hub.example"
COVERED = ("@method", "@target-uri", "authorization", "content-digest", "idempotency-key")

_ALGORITHMS: Mapping[str, type[HTTPSignatureAlgorithm]] = {
    "ES256": algorithms.ECDSA_P256_SHA256,
    "EdDSA": algorithms.ED25519,
    "PS256": algorithms.RSA_PSS_SHA512,
}
_MAKING: Mapping[str, Callable[[], Any]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "PS256": lambda: RSAKey.generate_key(2048),
}


class Partner:
    """One client with one key. `now_s` is its clock, `base_url` where it believes the gateway to be."""

    def __init__(
        self,
        algorithm: str = "ES256",
        kid: str = "bank-1",
        now_s: float = 0.0,
        base_url: str = BASE_URL,
        key: Any = None,
    ) -> None:
        """`key` is a joserfc key that it has already; else it makes one."""
        made: Any = key or _MAKING[algorithm]()
        self.kid, self.now_s, self.base_url = kid, now_s, base_url
        self.key = ClientKey(kid, algorithm, json.dumps(made.as_dict(private=False)))
        self._private, self._algorithm = made.private_key, _ALGORITHMS[algorithm]

    def sign(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        covered: tuple[str, ...] = COVERED,
        **options: Any,
    ) -> dict[str, str]:
        """The headers with a Content-Digest and a signature over what is `covered` of what is there."""
        message = SimpleNamespace(method=method, url=self.base_url + target, headers=dict(headers))
        there = [name for name in covered if name[0] in '@"' or name in headers or name == "content-digest"]
        resolver = MappingKeyResolver(public_keys={}, private_keys={self.kid: self._private})
        HTTPMessageSigner(signature_algorithm=self._algorithm, key_resolver=resolver).sign(
            message,
            key_id=self.kid,
            covered_component_ids=there,
            body=body if "content-digest" in there else None,
            **{
                "created": datetime.fromtimestamp(self.now_s, UTC),
                "label": "sig1",
                "tag": "clausegate",
                "include_alg": False,
                **options,
            },
        )
        return {name.lower(): value for name, value in message.headers.items()}


def read_answer(
    keys: Mapping[str, Any],
    request: tuple[str, str, Mapping[str, str]],
    answer: tuple[int, Mapping[str, str], bytes],
    required: tuple[str, ...],
    base_url: str = BASE_URL,
) -> dict[str, str]:
    """What a signed answer covers, once it verifies against the published keys. Raises InvalidSignature."""
    method, target, sent = request
    status, headers, body = answer
    message = SimpleNamespace(
        status_code=status,
        headers=dict(headers),
        request=SimpleNamespace(method=method, url=base_url + target, headers=dict(sent)),
    )
    resolver = MappingKeyResolver(public_keys=keys, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=resolver)
    (found,) = verifier.verify(message, max_age=None, expect_tag="clausegate", require_components=required, body=body)
    return dict(found.covered_components)
