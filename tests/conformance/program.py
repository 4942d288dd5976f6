"""A client made for tests: it does everything right, or any single thing wrong. It shares no code with the gateway."""

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
from joserfc.jwk import ECKey, Key
from joserfc.jws import JWSRegistry
from msgspec import Struct

from tests.conformance.bank import Bank, Holder
from tests.unit.oauth.issued import Issued

TOKEN_PATH = "/oauth/token"
RESOURCE_PATH = "/v1/repayments"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PUBLIC = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}
_KEPT_S = 60

Members = dict[str, Any]


def encoded(content: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def sealed(header: Members | bytes, claims: Members | bytes, key: Key | bytes | None, algorithm: str) -> str:
    """A compact JWS of these very bytes. `key`: bytes are an HMAC secret, None leaves the signature empty."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(map(encoded, parts)).encode()
    if key is None:
        signature = b""
    elif isinstance(key, bytes):
        signature = hmac.digest(key, signed, hashlib.sha256)
    else:
        signature = JWSRegistry.algorithms[algorithm].sign(signed, key)
    return f"{signed.decode()}.{encoded(signature)}"


def public(key: Key) -> Members:
    """The members of a public key, and no other."""
    whole = key.as_dict(private=False)
    return {name: whole[name] for name in _PUBLIC[key.key_type]}


class Draft:
    """A DPoP proof before it is signed: right as it is made, and free to be changed."""

    def __init__(self, key: ECKey, method: str, url: str, nonce: str, token: str | None) -> None:
        self.key, self.algorithm = key, "ES256"
        self.header: Members = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(key)}
        self.claims: Members = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(time.time())}
        if nonce:
            self.claims["nonce"] = nonce
        if token is not None:
            self.claims["ath"] = encoded(hashlib.sha256(token.encode()).digest())

    def sealed(self) -> str:
        return sealed(self.header, self.claims, self.key, self.algorithm)


Change = Callable[[Draft], Sequence[str]]
"""What a proof is made into before it is sent: the values of the DPoP headers."""


def unchanged(draft: Draft) -> Sequence[str]:
    """One header, as it should be."""
    return [draft.sealed()]


class Program:
    """The program of one client, at the address `source`. It sends proofs and shows its certificate where its variant
    asks for that; a proof that a test changes is sent in every variant."""

    def __init__(self, bank: Bank, client: Holder, source: str) -> None:
        self.bank, self.client, self.source = bank, client, source
        self.nonces: dict[str, str] = {}
        self._connections: dict[str, httpx.Client] = {}
        self._kept, self._renewed_s = "", 0.0

    def assertion(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        algorithm: str = "ES256",
        key: Key | bytes | None = None,
        without: Sequence[str] = (),
    ) -> str:
        """A client assertion (RFC 7523 section 3) that is right but for what is given. Times are seconds from now."""
        own, now_s = self.client.client_id, int(time.time())
        body: Members = {"iss": own, "sub": own, "aud": self.bank.url, "iat": 0, "exp": 60}
        body |= {"jti": secrets.token_urlsafe(16), **(claims or {})}
        for name in {"iat", "exp", "nbf"} & body.keys():
            body[name] += now_s
        for name in without:
            del body[name]
        named = "PS256" if algorithm == "RS256" else algorithm
        used = key if key is not None else self.client.keys.get(named)
        return sealed({"alg": algorithm, "kid": named}, body, used, algorithm)

    def token(
        self,
        *,
        form: Mapping[str, str | None] | None = None,
        shown: Issued | bool | None = True,
        proof: Change | None = unchanged,
    ) -> httpx.Response:
        """The answer to a token request. In `form` None leaves a parameter out; `shown` is another certificate, or
        False for none; `proof` changes the DPoP proof, None sends none."""
        fields: dict[str, str | None] = {"grant_type": "client_credentials", "client_id": self.client.client_id}
        fields["resource"] = self.bank.url
        if self.client.method == "private_key_jwt":
            fields |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()}
        fields |= dict(form or {})
        body = {name: value for name, value in fields.items() if value is not None}
        return self._sent("POST", TOKEN_PATH, headers={}, shown=shown, proof=proof, body=body)

    def access_token(self) -> str:
        """An access token, which must be given."""
        answer = self.token()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def ready(self) -> str:
        """An access token of this minute. Both endpoints have given their nonces: a proof is right but for a change."""
        now_s = time.monotonic()
        if not self._kept or now_s - self._renewed_s > _KEPT_S:
            self._kept, self._renewed_s = self.access_token(), now_s
            assert self.reads(self._kept).status_code == 200
        return self._kept

    def reads(
        self,
        token: str,
        *,
        scheme: str | None = None,
        shown: Issued | bool | None = True,
        proof: Change | None = unchanged,
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> httpx.Response:
        """The answer to a request for the protected resource. `scheme` "" sends no Authorization header."""
        scheme = {"dpop": "DPoP", "mtls": "Bearer"}[self.client.constraint] if scheme is None else scheme
        sent = {"accept": "application/json", **(headers or {})}
        if scheme:
            sent["authorization"] = f"{scheme} {token}"
        return self._sent("GET", RESOURCE_PATH + query, headers=sent, shown=shown, proof=proof, token=token)

    def _sent(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        shown: Issued | bool | None,
        proof: Change | None,
        token: str | None = None,
        body: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request; where the server wants its nonce in the proof, once more with that.

        A proof that a test makes wrong is not sent again when it had a nonce.
        """
        path, http = target.partition("?")[0], self.connection(shown)
        if proof is None or (proof is unchanged and self.client.constraint != "dpop"):
            return http.request(method, target, headers=headers, data=body)
        for _ in range(2):
            had = self.nonces.get(path, "")
            draft = Draft(self.client.proof_key, method, self.bank.url + path, had, token)
            proofs = [("DPoP", value) for value in proof(draft)]
            answer = http.request(method, target, headers=[*headers.items(), *proofs], data=body)
            newer = answer.headers.get("dpop-nonce", "")
            self.nonces[path] = newer or had
            if answer.status_code not in {400, 401} or not newer or (had and proof is not unchanged):
                break
        return answer

    def connection(self, shown: Issued | bool | None = True) -> httpx.Client:
        """A client for connections with this certificate; True: as the variant has it."""
        if shown is True:
            shown = self.client.certificate if self.client.shows_certificate else None
        certificate = shown or None
        name = certificate.shown.thumbprint if certificate else "none"
        if name not in self._connections:
            trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trusting.load_verify_locations(cadata=self.bank.own.pem)
            if certificate:
                trusting.load_cert_chain(*certificate.files(self.bank.folder, name))
            self._connections[name] = httpx.Client(
                verify=trusting, base_url=self.bank.url, headers={"x-forwarded-for": self.source}, timeout=30
            )
        return self._connections[name]

    def close(self) -> None:
        """Close its connections."""
        for connection in self._connections.values():
            connection.close()


class Refused(Struct, frozen=True):
    """What a refusal says: status and error, at the token endpoint (RFC 6749 section 5.2) or of a challenge."""

    status: int
    error: str


def refused(answer: httpx.Response) -> Refused:
    """The refusal in an answer of the token endpoint, which has to be well-formed."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said.keys() == {"error", "error_description"}
    for text in said.values():
        assert all(" " <= each <= "~" and each not in '"\\' for each in text), text
    return Refused(answer.status_code, said["error"])


def challenged(answer: httpx.Response) -> Refused:
    """The refusal of the protected resource (RFC 6750 section 3, RFC 9449 section 7.1)."""
    challenge = answer.headers.get("www-authenticate", "")
    error = challenge.partition('error="')[2].partition('"')[0]
    assert answer.headers["content-type"].startswith("application/problem+json")
    return Refused(answer.status_code, error)
