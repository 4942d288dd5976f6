"""What a login by the identity provider remembers until the person comes back: sealed, in a cookie of ten minutes.

Not in memory: the person may come back to another process. Sealed, so that neither the person nor whoever reads the
cookie learns the code verifier (RFC 7636), and nobody makes a transaction up.
"""

import secrets
from typing import Final

import msgspec
from msgspec import Struct

from gateway.people.sealed import SealedText
from gateway.store.hidden import Hidden

LIFETIME_S: Final = 600
_WHAT: Final = b"clausegate login by the identity provider"


class Transaction(Struct, frozen=True):
    """`state`, `nonce` and `verifier` are random; `target` is the page of ours that was asked for.

    `confirms`: whoever is logged in there already has to prove anew who they are (gateway/people/confirmation.py).
    """

    state: str
    nonce: str
    verifier: str
    target: str
    begun_s: int
    confirms: bool = False

    def __repr__(self) -> str:
        return "Transaction()"


def new_transaction(target: str, now_s: float, *, confirms: bool = False) -> Transaction:
    """256 random bits each; a verifier has 43 to 128 characters (RFC 7636 section 4.1)."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Transaction(state, nonce, verifier, target, int(now_s), confirms)


class Transactions:
    """Seals transactions under a key of the server."""

    def __init__(self, key: Hidden[bytes]) -> None:
        self._sealed = SealedText(key)

    def seal(self, transaction: Transaction) -> str:
        """The value of the cookie."""
        return self._sealed.seal(msgspec.msgpack.encode(transaction), _WHAT)

    def open(self, cookie: str, now_s: float) -> Transaction | None:
        """The transaction again; None for one that is over, and for what this gateway did not seal."""
        found = self._sealed.open(cookie, _WHAT)
        if found is None:
            return None
        try:
            transaction = msgspec.msgpack.decode(found, type=Transaction)
        except msgspec.MsgspecError:
            return None
        return transaction if 0 <= now_s - transaction.begun_s < LIFETIME_S else None
