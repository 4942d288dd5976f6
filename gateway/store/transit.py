"""Key encryption by an engine that speaks the transit API of Vault and OpenBao: its key never leaves it."""

import base64
import binascii
import re
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from gateway.store.hidden import Hidden
from gateway.store.key_encryption import BadKeyError, KeyEncryptionError

_PATH = re.compile(r"(?P<mount>/v1/[A-Za-z0-9._/-]+)/keys/(?P<name>[A-Za-z0-9._-]{1,100})")
_ANSWER_BYTES_MAX = 64 * 1024
_TIMEOUT_S = 5.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class _Answer(msgspec.Struct):
    data: dict[str, Any]


class TransitKey:
    """One key of an engine, by its URL there: `https://vault.example:8200/v1/transit/keys/clausegate`.

    It encrypts by `POST .../encrypt/clausegate` with the context as associated data, so its type has to be an AEAD
    (aes256-gcm96, the engine's default, or chacha20-poly1305). `transport` stands for the network in tests. Raises
    BadKeyError for a URL or token that is none.
    """

    def __init__(self, url: str, token: Hidden[str], transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._origin, mount, name = _place(url)
        if not token.reveal() or not token.reveal().isascii() or not token.reveal().isprintable():
            raise BadKeyError("key_encryption_token: is needed with key_encryption_url, and has to fit into a header")
        self._mount, self._name, self._token, self._transport = mount, name, token, transport
        self.key_id = f"transit-{name}"

    async def encrypt(self, plain: bytes, context: bytes) -> bytes:
        answer = await self._ask("encrypt", {"plaintext": _text(plain), "associated_data": _text(context)})
        sealed = answer.get("ciphertext")
        if not isinstance(sealed, str) or not sealed.isascii() or not sealed:
            raise self._error("answers without a ciphertext")
        return sealed.encode()

    async def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        asked = {"ciphertext": sealed.decode("ascii", "replace"), "associated_data": _text(context)}
        plain = (await self._ask("decrypt", asked)).get("plaintext", "?")
        try:
            return base64.b64decode(str(plain), validate=True)
        except (binascii.Error, ValueError):
            raise self._error("answers without a plaintext") from None

    async def _ask(self, verb: Literal["encrypt", "decrypt"], body: dict[str, str]) -> dict[str, Any]:
        """The `data` of an answer. Nothing of the answer is in an error, for it may be what was asked for."""
        headers = {"X-Vault-Token": self._token.reveal(), "X-Vault-Request": "true", "Accept-Encoding": "identity"}
        url = f"{self._origin}{self._mount}/{verb}/{self._name}"
        try:
            # A connection for each: there are a handful in the life of a process, perhaps on several event loops.
            async with (
                httpx.AsyncClient(
                    transport=self._transport, timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False
                ) as client,
                client.stream("POST", url, json=body, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise self._error(f"answers {response.status_code} to {verb}")
                if "content-encoding" in response.headers:  # nobody asked for one, and its size is not to be known
                    raise self._error("answers in a coding")
                text = bytearray()
                async for piece in response.aiter_bytes():
                    text += piece
                    if len(text) > _ANSWER_BYTES_MAX:
                        raise self._error("answers with more than can be a key")
        except (httpx.HTTPError, OSError) as error:
            raise self._error(f"cannot be asked ({type(error).__name__})") from None
        try:
            return msgspec.json.decode(text, type=_Answer).data
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._error("answers with something else than a key") from None

    def _error(self, why: str) -> KeyEncryptionError:
        return KeyEncryptionError(f"the engine at {self._origin} {why}")


def _place(url: str) -> tuple[str, str, str]:
    """Origin, path of the engine, and name of the key."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadKeyError("key_encryption_url: is no URL") from None
    if not host or (parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK)):
        raise BadKeyError("key_encryption_url: begins with https:// and a host; http:// is for loopback alone")
    found = _PATH.fullmatch(parts.path.rstrip("/"))
    if found is None or ".." in parts.path or parts.query or parts.fragment or parts.username or parts.password:
        raise BadKeyError(
            "key_encryption_url: is that of a key in the engine, such as https://vault.example/v1/transit/keys/name"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}", found["mount"], found["name"]


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
