"""A small OpenID Connect provider: authorization code flow with PKCE S256, discovery, keys; it does as a test says."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jws
from joserfc.jwk import ECKey, Key, KeyParameters, OKPKey, RSAKey
from litestar import Litestar, MediaType, Request, Response, get, post
from msgspec import Struct, field

from gateway.people.id_token import _OneAlgorithm

CLIENT_ID, SECRET = "clausegate", "the-secret-of-the-gateway-there"
SUBJECT = "a3f1-0042"


def new_key(algorithm: str, kid: str = "k1") -> Key:
    """A key pair for one algorithm."""
    named: KeyParameters = {"kid": kid}
    if algorithm in {"RS256", "PS256"}:
        return RSAKey.generate_key(2048, named)
    return OKPKey.generate_key("Ed25519", named) if algorithm == "EdDSA" else ECKey.generate_key("P-256", named)


def signed(claims: dict[str, Any], key: Key, algorithm: str, **header: Any) -> str:
    """An ID token."""
    protected = {"alg": algorithm, "kid": key.kid} | header
    said = {name: value for name, value in protected.items() if value is not None}
    return jws.serialize_compact(said, json.dumps(claims), key, registry=_OneAlgorithm(algorithm))


def person(**claims: Any) -> dict[str, Any]:
    """What a provider says of somebody of operations."""
    return {"sub": SUBJECT, "preferred_username": "li.na", "email": "li.na@hengtai.example", "groups": ["sre"]} | claims


class IdentityProvider(Struct):
    """`claims` are the person's; `change` is done to the ID token's claims, `answer` to the answer to the browser."""

    base: str
    key: Key
    algorithm: str = "ES256"
    claims: dict[str, Any] = field(default_factory=person)
    metadata: dict[str, Any] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    answer: Callable[[dict[str, str]], dict[str, str]] = lambda answer: answer
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def app(self) -> Litestar:
        """The provider as an application."""

        @get("/.well-known/openid-configuration")
        async def discovery() -> dict[str, Any]:
            return self.discovery()

        @get("/keys")
        async def keys() -> dict[str, Any]:
            self.asked.append("keys")
            return {"keys": [self.key.as_dict(private=False)]}

        @get("/authorize")
        async def authorize(request: Request[Any, Any, Any]) -> Response[str]:
            back = self.authorized(dict(request.query_params.items()))
            me = f'<a id="me" href="{escape(back)}">Li Na</a>'
            page = f'<!doctype html><title>Hengtai</title><link rel="icon" href="data:,">{me}'
            return Response(page, media_type=MediaType.HTML)

        @post("/token", status_code=200)
        async def token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
            form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            given = self.exchanged(form, request.headers.get("authorization", ""))
            return Response(given or {"error": "invalid_grant"}, status_code=200 if given else 400)

        return Litestar([discovery, keys, authorize, token], openapi_config=None, logging_config=None)

    def discovery(self) -> dict[str, Any]:
        """Its metadata."""
        self.asked.append("metadata")
        return {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/keys",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata

    def authorized(self, asked: dict[str, str]) -> str:
        """Where the person goes back to; raises AssertionError for a request that is not as it should be."""
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        said = {"code": code, "state": asked["state"], "iss": self.base}
        return f"{asked['redirect_uri']}?{urlencode(self.answer(said))}"

    def exchanged(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Tokens for a code: once, for our client, for whoever has the verifier (RFC 7636 section 4.6)."""
        self.asked.append("token")
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        if asked is None or authorization != f"Basic {basic}" or form.get("grant_type") != "authorization_code":
            return None
        if challenge(form.get("code_verifier", "")) != asked["code_challenge"]:
            return None
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        now_s = int(time.time())
        claims = {"iss": self.base, "aud": CLIENT_ID, "iat": now_s, "exp": now_s + 300, "nonce": asked["nonce"]}
        if "max_age" in asked:  # OpenID Connect Core 1.0, section 2
            claims["auth_time"] = now_s
        token = signed(self.change(claims | self.claims), self.key, self.algorithm)
        return {"access_token": "not-for-us", "token_type": "Bearer", "expires_in": 300, "id_token": token}


def challenge(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
