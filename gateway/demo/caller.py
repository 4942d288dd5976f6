"""A partner's program, as small as it can be: gets a token with its own credentials and calls the gateway."""

import base64
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec import Struct

from gateway.demo.cast import Credential

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TIMEOUT_S = 20


class Reply(Struct, frozen=True):
    """An answer: header names in lower case, body decoded from JSON, or text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Caller:
    """One OAuth client of one partner. Raises OSError when the gateway cannot be reached."""

    def __init__(self, url: str, credential: Credential) -> None:
        self._url, self._credential = url, credential
        self._token = self._fetch_token()

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path with the client's token; header names with underscores for hyphens."""
        return fetch(f"{self._url}{path}", self._named(headers))

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Reply:
        """POST a JSON object likewise."""
        named = {**self._named(headers), "Content-Type": "application/json"}
        return fetch(f"{self._url}{path}", named, json.dumps(body).encode())

    def _named(self, headers: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self._token}", **named}

    def _fetch_token(self) -> str:
        form = {"grant_type": "client_credentials"}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._credential.client_secret is not None:
            pair = f"{self._credential.client_id}:{self._credential.client_secret}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form |= {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._assertion()}
        reply = fetch(f"{self._url}/oauth/token", headers, urlencode(form).encode())
        return str(reply.body["access_token"])

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


def _reply(status: int, headers: Any, body: bytes) -> Reply:
    is_text = headers.get_content_type() == "text/plain"
    named = {name.lower(): value for name, value in headers.items()}
    return Reply(status, named, body.decode() if is_text else json.loads(body or b"null"))
