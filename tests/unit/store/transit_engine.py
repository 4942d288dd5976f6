"""An engine that speaks the transit API of Vault, as a transport: AES-256-GCM with versions, tokens, and moods."""

import asyncio
import base64
import json
import os

import httpx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.s3cr3t-token"
URL = "https://vault.example:8200/v1/transit/keys/clausegate"


class Engine(httpx.AsyncBaseTransport):
    """Answers as Vault does. `mood`: an answer to give instead, or an exception to raise. `held`: answers wait until it
    is set; `reached` is set by the first request."""

    def __init__(self) -> None:
        self.versions = [AESGCM(AESGCM.generate_key(256))]
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.mood: httpx.Response | Exception | None = None
        self.held: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = json.loads(b"".join([piece async for piece in request.stream]))
        self.asked.append((str(request.url), body))
        self.reached.set()
        if self.held is not None:
            await self.held.wait()
        if isinstance(self.mood, Exception):
            raise self.mood
        if self.mood is not None:
            return self.mood
        if request.headers["X-Vault-Token"] != TOKEN:
            return httpx.Response(403, json={"errors": ["permission denied"]})
        verb = request.url.path.removeprefix("/v1/transit/").removesuffix("/clausegate")
        return {"encrypt": self._encrypt, "decrypt": self._decrypt}[verb](body)

    def count(self, verb: str) -> int:
        """How often it was asked to."""
        return sum(f"/{verb}/" in url for url, _ in self.asked)

    def rotate(self) -> None:
        """Another version of the key encrypts from now on."""
        self.versions.append(AESGCM(AESGCM.generate_key(256)))

    def _encrypt(self, body: dict[str, str]) -> httpx.Response:
        nonce = os.urandom(12)
        plain, aad = base64.b64decode(body["plaintext"]), base64.b64decode(body["associated_data"])
        sealed = base64.b64encode(nonce + self.versions[-1].encrypt(nonce, plain, aad)).decode()
        return httpx.Response(200, json={"data": {"ciphertext": f"vault:v{len(self.versions)}:{sealed}"}})

    def _decrypt(self, body: dict[str, str]) -> httpx.Response:
        _, version, text = body["ciphertext"].split(":")
        sealed = base64.b64decode(text)
        try:
            key = self.versions[int(version[1:]) - 1]
            plain = key.decrypt(sealed[:12], sealed[12:], base64.b64decode(body["associated_data"]))
        except InvalidTag:
            return httpx.Response(400, json={"errors": ["cipher: message authentication failed"]})
        return httpx.Response(200, json={"data": {"plaintext": base64.b64encode(plain).decode()}})
