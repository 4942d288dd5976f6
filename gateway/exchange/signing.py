"""signing: an answer signed on request (RFC 9421 section 5), so that its receiver can show it to others."""

from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import TypeAlias

from gateway.exchange.arrival import Arrival
from gateway.exchange.outcome import Header
from gateway.oauth.keys import Signer
from gateway.signatures.algorithms import P256, sign_p256
from gateway.signatures.base import Asked, field_value, origin_of, signature_base
from gateway.signatures.digest import content_digest
from gateway.signatures.fields import Component, Described, described, inner_list
from gateway.signatures.judging import TAG

_ALWAYS = (
    Component("@status"),
    Component("content-digest"),
    Component("content-type"),
    Component("content-encoding"),
    Component("clausegate-agreement"),
    Component("clausegate-receipt"),
    Component("x-request-id"),
    Component("@method", of_request=True),
    Component("@target-uri", of_request=True),
    Component("content-digest", of_request=True),
    Component("signature", of_request=True),
)
"""What every such signature covers, as far as it is there: the answer, and which request it is the answer to."""
_REQUESTS = frozenset(component.name for component in _ALWAYS if component.of_request) | {
    *("@authority", "@scheme", "@request-target", "@path", "@query"),
    *("signature-input", "idempotency-key", "if-match", "if-none-match", "content-type", "clausegate-purpose"),
}
"""What may be asked for of a request: not its credentials, for a signature over them is one more thing to guess by."""

SignAnswer: TypeAlias = Callable[[Arrival, int, list[Header], bytes], Iterable[Header]]


def unsigned(_arrival: Arrival, _status: int, _headers: list[Header], _body: bytes) -> tuple[Header, ...]:
    """For a gateway without a key."""
    return ()


class Answers:
    """Signs answers by the key that signs access tokens, which the JWK set publishes under its `kid`. What a JWS signs
    has neither spaces nor quotation marks (RFC 7515 section 5.1), so neither can be taken for the other."""

    def __init__(self, base_url: str, signer: Callable[[], Signer], now_s: Callable[[], float]) -> None:
        """`signer` gives the key that is active; `now_s` is Unix time."""
        self._origin, self._signer, self._now_s = origin_of(base_url), signer, now_s

    def sign(self, arrival: Arrival, status: int, headers: list[Header], body: bytes) -> tuple[Header, ...]:
        """The headers to add to an answer: none where no signature is asked for that we can give.

        `body` is what is sent, after any content coding: nothing for HEAD. An Accept-Signature that is not written
        rightly, or wants another key, algorithm or tag, or a component that is not there, is passed over, as a
        preference that cannot be met is.
        """
        wanted = arrival.headers.get(b"accept-signature")
        if wanted is None:
            return ()
        digest = (b"content-digest", content_digest(body))
        asked = Asked(self._origin, arrival.method, arrival.path, arrival.query, arrival.sent)
        answer = [*headers, digest]
        signer = self._signer()
        for label, member in (described(wanted, asked=True) or {}).items():
            values = _values(asked, status, answer, member)
            if values is not None and _ours(member, signer):
                return (digest, *self._signed(label, values, member, signer))
        return ()

    def _signed(
        self, label: str, values: list[tuple[Component, str]], member: Described, signer: Signer
    ) -> tuple[Header, Header]:
        parameters: dict[str, int | str] = {"created": int(self._now_s()), "keyid": signer.kid, "alg": P256}
        if "nonce" in member.parameters:
            parameters["nonce"] = member.parameters["nonce"]
        described_so = inner_list(tuple(component for component, _ in values), parameters | {"tag": TAG})
        signature = sign_p256(signer.key, signature_base(values, described_so))
        return (
            (b"signature-input", f"{label}={described_so}".encode()),
            (b"signature", _member(label, signature)),
        )


def _member(label: str, signature: bytes) -> bytes:
    return label.encode() + b"=:" + b64encode(signature) + b":"


def _ours(member: Described, signer: Signer) -> bool:
    """Whether our key, algorithm and tag are what is asked for. We set no end: `expires` cannot be met."""
    ours = {"keyid": signer.kid, "alg": P256, "tag": TAG}
    return "expires" not in member.parameters and all(
        member.parameters.get(name, value) == value for name, value in ours.items()
    )


def _values(asked: Asked, status: int, answer: list[Header], member: Described) -> list[tuple[Component, str]] | None:
    """What is signed: always the same, and what is asked for beside it; None if that is not there."""
    found: list[tuple[Component, str]] = []
    for component in dict.fromkeys((*_ALWAYS, *member.components)):
        value = _value(asked, status, answer, component)
        if value is not None:
            found.append((component, value))
        elif component in member.components:
            return None
    return found


def _value(asked: Asked, status: int, answer: list[Header], component: Component) -> str | None:
    if component.of_request:
        return asked.value(component.name) if component.name in _REQUESTS else None
    return str(status) if component.name == "@status" else field_value(answer, component.name)
