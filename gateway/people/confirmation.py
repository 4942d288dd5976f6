"""That somebody has just proved to the identity provider who they are: asked for before an agreement is signed off.

People of the provider have no password here, and a session of hours says who logged in, not who sits there now. So they
go there once more, and the ID token's `auth_time` says when it was. What comes of it is a sealed cookie of five minutes
that is of use in the session that begins with it, and in no other.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.people.sealed import SealedText
from gateway.store.hidden import Hidden

FRESH_S: Final = 300
"""How long a proof is good: to read an agreement, and no longer."""
_SKEW_S: Final = 60
"""How far the provider's clock may be ahead of ours."""
_WHAT: Final = b"clausegate confirmation of "


def confirmed_s(claims: Mapping[str, Any], now_s: float) -> int | None:
    """When the person proved it, Unix seconds, as the claims of an ID token say (OpenID Connect Core 1.0, section 2).

    None for a token that does not say so, or of a proof that is too old: the provider did not ask the person.
    """
    said = claims.get("auth_time")
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return int(said) if now_s - FRESH_S < said <= now_s + _SKEW_S else None


class Confirmations:
    """Seals confirmations under a key of the server."""

    def __init__(self, key: Hidden[bytes]) -> None:
        self._sealed = SealedText(key)

    def seal(self, proved_s: int, form_token: str) -> str:
        """The value of the cookie, for the session with this form token."""
        return self._sealed.seal(str(proved_s).encode(), _WHAT + form_token.encode())

    def is_fresh(self, cookie: str, form_token: str, now_s: float) -> bool:
        """Whether the person of this session proved within FRESH_S who they are."""
        found = self._sealed.open(cookie, _WHAT + form_token.encode())
        return found is not None and now_s - FRESH_S < int(found) <= now_s + _SKEW_S
