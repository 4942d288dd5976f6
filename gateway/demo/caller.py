"""A partner's program, as small as it can be: gets a token with its own credentials and calls the gateway."""

import base64
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec import Struct

from gateway.demo.cast import Credential
from gateway.demo.stage import DemoError
from gateway.oauth.proof import make_proof, read_proof_key

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TIMEOUT_S = 20


class Reply(Struct, frozen=True):
    """An answer: header names in lower case, body decoded from JSON, or text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Prover:
    """Proves with each request that the caller holds a key (RFC 9449). It keeps the nonce that the server gave last;
    when the server asks for a newer one, it sends the request again. Raises ValueError for what is no such key."""

    def __init__(self, pem: bytes) -> None:
        key = read_proof_key(pem)
        if key is None:
            raise ValueError("this is no private key that proofs can be signed with")
        self._key, self._nonce = key, ""

    def send(self, url: str, headers: Mapping[str, str], body: Callable[[], bytes | None], token: str | None) -> Reply:
        """GET, or POST where there is a body; `body` is called for each try: what is in it may be good only once."""
        for _ in range(2):
            content = body()
            method = "GET" if content is None else "POST"
            proof = make_proof(self._key, method, url, time.time(), token=token, nonce=self._nonce or None)
            reply = fetch(url, {**headers, "DPoP": proof}, content)
            self._nonce = reply.headers.get("dpop-nonce", self._nonce)
            if not _wants_nonce(reply):
                break
        return reply


class Caller:
    """One OAuth client of one partner. Raises OSError when the gateway cannot be reached, DemoError when it gives no
    token."""

    def __init__(self, url: str, credential: Credential) -> None:
        self._url, self._credential = url, credential
        file = credential.dpop_key_file
        self._prover = None if file is None else Prover(Path(file).read_bytes())
        self._token, self._scheme = "", "Bearer"
        self._fetch_token()

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path with the client's token; header names with underscores for hyphens."""
        return self._send(path, self._named(headers), lambda: None)

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Reply:
        """POST a JSON object likewise."""
        named = {**self._named(headers), "Content-Type": "application/json"}
        return self._send(path, named, json.dumps(body).encode)

    def unproved(self, path: str) -> Reply:
        """GET a path as somebody would who got hold of the token and of nothing else."""
        return fetch(f"{self._url}{path}", {"Authorization": f"Bearer {self._token}"})

    def _send(self, path: str, headers: Mapping[str, str], body: Callable[[], bytes | None]) -> Reply:
        url = f"{self._url}{path}"
        if self._prover is None:
            return fetch(url, headers, body())
        return self._prover.send(url, headers, body, self._token or None)

    def _named(self, headers: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"{self._scheme} {self._token}", **named}

    def _fetch_token(self) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._credential.client_secret is not None:
            pair = f"{self._credential.client_id}:{self._credential.client_secret}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        reply = self._send("/oauth/token", headers, self._form)
        if reply.status != 200:
            raise DemoError(f"{self._credential.client_id} got no token: {reply.status} {reply.body}")
        self._token, self._scheme = str(reply.body["access_token"]), str(reply.body["token_type"])

    def _form(self) -> bytes:
        form = {"grant_type": "client_credentials", "resource": self._url}
        if self._credential.client_secret is None:
            form |= {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._assertion()}
        return urlencode(form).encode()

    def _assertion(self) -> str:
        """A client assertion (RFC 7523 section 3), with the issuer as its only audience."""
        key = ECKey.import_key(Path(self._credential.private_key_file or "").read_bytes())
        now_s = int(time.time())
        claims = {
            "iss": self._credential.client_id,
            "sub": self._credential.client_id,
            "aud": self._url,
            "iat": now_s,
            "exp": now_s + 60,
            "jti": secrets.token_urlsafe(16),
        }
        header = {"alg": "ES256", "kid": key.thumbprint(), "typ": "client-authentication+jwt"}
        return jwt.encode(header, claims, key, algorithms=["ES256"])


def fetch(url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
    """One request to a loopback URL of the demo; an error status is an answer like any other."""
    request = urllib.request.Request(url, data=body, headers=dict(headers))  # noqa: S310 - http on loopback
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - http on loopback
            return _reply(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return _reply(error.code, error.headers, error.read())


def _wants_nonce(reply: Reply) -> bool:
    """RFC 9449 sections 8 and 9: the token endpoint says so in its body, everything else in its challenge."""
    if reply.status == 400 and isinstance(reply.body, Mapping):
        return reply.body.get("error") == "use_dpop_nonce"
    return reply.status == 401 and "use_dpop_nonce" in reply.headers.get("www-authenticate", "")


def _reply(status: int, headers: Any, body: bytes) -> Reply:
    is_text = headers.get_content_type() == "text/plain"
    named = {name.lower(): value for name, value in headers.items()}
    return Reply(status, named, body.decode() if is_text else json.loads(body or b"null"))
