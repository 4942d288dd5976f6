"""A partner that looks: its token endpoint and its interface check all that a bank's would, on a real socket."""

import asyncio
import base64
import hashlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

from joserfc import jws
from joserfc.jwk import Key
from msgspec import Struct

from gateway.oauth.jose import OneAlgorithm
from tests.unit.outbound.partner_api import Got, PartnerApi, Reply, says

ISSUER = "https://login.bank.example"


class Known(Struct, frozen=True):
    """The one client: its public key under `kid` with its one algorithm, or its certificate (DER)."""

    key: Key | None = None
    kid: str = ""
    algorithm: str = ""
    certificate: bytes | None = None


class StrictPartner(PartnerApi):
    """Gives tokens to `known` alone, bound to the certificate it showed, and answers whoever holds one. `refused` says
    why somebody got none."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known
        self.refused: list[str] = []
        self.used: set[str] = set()
        self.given: dict[str, bytes | None] = {}
        self._shown: dict[asyncio.Task[Any] | None, bytes | None] = {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        self._shown[asyncio.current_task()] = None if tls is None else tls.getpeercert(binary_form=True)
        await super().talk(reader, writer)

    def _reply(self, got: Got) -> Reply:
        shown = self._shown[asyncio.current_task()]
        if got.target == "/token":
            why = self._why_not(got, shown)
            if why:
                self.refused.append(why)
                return says({"error": "invalid_client"}, 401)
            token = f"token-{len(self.given) + 1}"
            self.given[token] = shown
            return says({"access_token": token, "token_type": "Bearer", "expires_in": self.token_lifetime_s})
        token = got.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.given or self.given[token] != shown:
            self.refused.append("token")
            return says({}, 401)
        return says({"price": "12.50", "thumbprint": thumbprint(shown)})

    def _why_not(self, got: Got, shown: bytes | None) -> str:
        form = parse_qs(got.body.decode(), strict_parsing=True)
        if "authorization" in got.headers or any(len(values) != 1 for values in form.values()):
            return "form"
        if form.get("grant_type") != ["client_credentials"]:
            return "grant"
        if self.known.certificate is not None:
            if form.get("client_id") != ["hub"] or "client_assertion" in form:
                return "client"
            return "" if shown == self.known.certificate else "certificate"
        if form.get("client_assertion_type") != ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]:
            return "type"
        return self._wrong_with(form["client_assertion"][0])

    def _wrong_with(self, assertion: str) -> str:
        """RFC 7523 section 3 and FAPI 2.0 section 5.3.2.1."""
        assert self.known.key is not None
        try:
            signed = jws.deserialize_compact(assertion, self.known.key, registry=OneAlgorithm(self.known.algorithm))
        except Exception as error:
            return type(error).__name__
        claims: Mapping[str, Any] = json.loads(signed.payload)
        if signed.protected != {"alg": self.known.algorithm, "kid": self.known.kid, "typ": "JWT"}:
            return f"header {sorted(signed.protected)}"
        if (claims["iss"], claims["sub"], claims["aud"]) != ("hub", "hub", ISSUER):
            return "claims"
        if claims["jti"] in self.used:
            return "replay"
        self.used.add(claims["jti"])
        fresh = abs(claims["iat"] - time.time()) < 10 and 0 < claims["exp"] - claims["iat"] <= 300
        return "" if fresh else "times"


def thumbprint(certificate: bytes | None) -> str:
    """x5t#S256 (RFC 8705 section 3.1)."""
    return "" if certificate is None else base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).decode()[:43]


@asynccontextmanager
async def strict(known: Known, tls: ssl.SSLContext | None = None) -> AsyncIterator[StrictPartner]:
    """The partner on a free port of loopback, while the block lasts."""
    partner = StrictPartner(known)
    server = await asyncio.start_server(partner.talk, "127.0.0.1", 0, ssl=tls)
    partner.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield partner
        finally:
            partner.end()
