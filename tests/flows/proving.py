"""A partner's program whose tokens are bound to a key: proofs as RFC 9449 has them, with a library for JWTs alone."""

import base64
import hashlib
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey


class Proving(httpx.BaseTransport):
    """Sends each request with a proof of its own, and once more where the server gives it another nonce for it."""

    def __init__(self, key_file: str | Path, nonce: str = "") -> None:
        self._key = ECKey.import_key(Path(key_file).read_bytes())
        self._over, self.nonce = httpx.HTTPTransport(), nonce

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(2):
            scheme, _space, token = request.headers.get("authorization", "").partition(" ")
            bound = token if scheme == "DPoP" else None
            request.headers["dpop"] = self.proof(request.method, str(request.url), bound)
            answer = self._over.handle_request(request)
            asked_for, self.nonce = self.nonce, answer.headers.get("dpop-nonce", self.nonce)
            if answer.status_code not in {400, 401} or self.nonce == asked_for:
                break
            answer.read()
        return answer

    def proof(self, method: str, url: str, token: str | None) -> str:
        """Section 4.2, with the server's nonce where one is known."""
        claims: dict[str, Any] = {"htm": method, "htu": url.partition("?")[0], "iat": int(time.time())}
        claims["jti"] = secrets.token_urlsafe(16)
        if self.nonce:
            claims["nonce"] = self.nonce
        if token is not None:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        public = {
            name: value for name, value in self._key.as_dict(private=False).items() if name in ("kty", "crv", "x", "y")
        }
        return jwt.encode({"typ": "dpop+jwt", "alg": "ES256", "jwk": public}, claims, self._key, algorithms=["ES256"])

    def close(self) -> None:
        self._over.close()


def shown_in_header(token: str, uri: str, headers: Any, body: Any, _placement: str) -> tuple[str, Any, Any]:
    """Section 7.1, for a client library that knows bearer tokens alone."""
    headers["Authorization"] = f"DPoP {token}"
    return uri, headers, body
