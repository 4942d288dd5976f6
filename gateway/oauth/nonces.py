"""Nonces for DPoP proofs (RFC 9449 sections 8 and 9): nothing is stored, and every worker and node knows them all."""

import hashlib
import hmac
from typing import Final, Literal, TypeAlias

from joserfc.util import urlsafe_b64encode

from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.store.hidden import Hidden

NONCE_SECRET: Final = "dpop-nonce"  # noqa: S105 - the name, not the secret
"""The name of the server's secret (gateway/store/server_secrets.py) that makes them."""
WINDOW_S: Final = 60
WINDOWS: Final = 5
"""A nonce is good for the window that it was made in and as many more: for five to six minutes, as long as a token."""

Age: TypeAlias = Literal["fresh", "older"]

_NUMBER_BYTES = 5
_MAC_BYTES = 16
_KEPT_MAX = 2 * WINDOWS + 4


class Nonces:
    """A nonce is the number of a window of time and a part of its HMAC-SHA-256 under a secret of the server.

    So it says when it was made, can be made by nobody else, and cannot be guessed ahead of its time. Everybody who asks
    within a window gets the same one: that a proof is used once is for the replay cache to see.
    """

    def __init__(self, secret: Hidden[bytes]) -> None:
        self._secret = secret
        # Of the few windows that are good at any time: a nonce is compared with each request.
        self._made: dict[int, str] = {}

    def issue(self, now_s: float) -> str:
        """The one of this moment."""
        return self._of(int(now_s // WINDOW_S))

    def age(self, nonce: str, now_s: float) -> Age | None:
        """Whether it is of the present window, or of an earlier one that is still good; None: it is not good.

        Another node's clock may be ahead of ours, so one that is about to begin is good as well.
        """
        present = int(now_s // WINDOW_S)
        latest = int((now_s + CLOCK_SKEW_S) // WINDOW_S)
        for window in range(latest, present - WINDOWS - 1, -1):
            if hmac.compare_digest(self._of(window).encode(), nonce.encode("utf-8", "surrogatepass")):
                return "fresh" if window >= present else "older"
        return None

    def _of(self, window: int) -> str:
        made = self._made.get(window)
        if made is None:
            if len(self._made) >= _KEPT_MAX:
                self._made.clear()
            made = self._made[window] = self._make(window)
        return made

    def _make(self, window: int) -> str:
        number = window.to_bytes(_NUMBER_BYTES, "big")
        mac = hmac.digest(self._secret.reveal(), number, hashlib.sha256)
        return urlsafe_b64encode(number + mac[:_MAC_BYTES]).decode()
