"""Client secrets: 256 random bits, kept as HMAC-SHA-256 under the server's pepper.

A slow password hash would add nothing to 256 bits, and let anybody occupy the token endpoint by guessing.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from gateway.store.clients import ClientSecret
from gateway.store.hidden import Hidden
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store

_SECRET_BYTES = 32
_PEPPER_NAME = "client-secret-pepper"


async def load_pepper(store: Store, now_s: int) -> Hidden[bytes]:
    """The server's pepper, made when it is asked for first. Raises StoreError."""
    return await ServerSecrets(store).obtain(_PEPPER_NAME, now_s)


def new_secret() -> Hidden[str]:
    """A new secret as 43 URL-safe characters, the same whether or not a client percent-encodes them."""
    return Hidden(secrets.token_urlsafe(_SECRET_BYTES))


def digest_of(secret: str, pepper: Hidden[bytes]) -> bytes:
    """What the store keeps of a secret."""
    return hmac.digest(pepper.reveal(), secret.encode("utf-8", "surrogatepass"), hashlib.sha256)


def live_secret(secret: str, known: Sequence[ClientSecret], pepper: Hidden[bytes], now_s: float) -> ClientSecret | None:
    """Which of the known secrets this is, if it is one and in its time.

    The same work is done whichever one it is, and for a client without any (an unknown one): one HMAC, two comparisons
    in constant time.
    """
    digest = digest_of(secret, pepper)
    none = ClientSecret(bytes(len(digest)), 0, 0)
    found = None
    for candidate in (*known, none, none)[: max(len(known), 2)]:
        if hmac.compare_digest(digest, candidate.digest) and candidate.is_live(now_s):
            found = candidate
    return found
