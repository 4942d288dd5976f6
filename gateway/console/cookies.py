"""Cookies of people: `__Host-` ones wherever people come by https, which no other host and no plain connection can set.

Over plain http, which is for the loopback alone, browsers drop a cookie that is Secure, and with it the prefix: there
the same cookies have their plain names.
"""

from typing import Any, Final

from litestar import Request
from litestar.datastructures import Cookie

SESSION_COOKIE: Final = "clausegate"
FORM_COOKIE: Final = "clausegate_form"
OIDC_COOKIE: Final = "clausegate_oidc"
CONFIRMED_COOKIE: Final = "clausegate_confirmed"
LANGUAGE_COOKIE: Final = "clausegate_language"
_PREFIX: Final = "__Host-"


class Cookies:
    """Reads and makes them. `secure` says that people reach the gateway by https, whatever a proxy makes of it."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def read(self, request: Request[Any, Any, Any], name: str) -> str:
        """The value, "" without one. By https only what has the prefix counts: the rest anybody may have set."""
        return request.cookies.get(self._name(request, name), "")

    def make(self, request: Request[Any, Any, Any], name: str, value: str, *, max_age_s: int) -> Cookie:
        """Out of reach of scripts; sent along when a person follows a link from elsewhere, and with no form of others
        (SameSite=Lax). RFC 6265bis section 4.1.3.2 says what the prefix demands."""
        return Cookie(
            key=self._name(request, name),
            value=value,
            path="/",
            max_age=max_age_s,
            httponly=True,
            samesite="lax",
            secure=self._is_https(request),
        )

    def _name(self, request: Request[Any, Any, Any], name: str) -> str:
        return _PREFIX + name if self._is_https(request) else name

    def _is_https(self, request: Request[Any, Any, Any]) -> bool:
        return self._secure or request.url.scheme == "https"
