"""The URL that a DPoP proof names (`htu`, RFC 9449 section 4.3) in the one spelling of it that can be compared."""

import re
from typing import Final

from msgspec import Struct

_PARTS: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)", re.IGNORECASE)
_ALLOWED: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
"""Characters of a URI (RFC 3986 section 2); a percent sign has two digits after it."""
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=]+)(?::([0-9]*))?")
"""No userinfo (RFC 9110 section 4.2.4), nothing that would have to be decoded first."""
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_PORTS: Final = {"http": "80", "https": "443"}
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class TargetUri(Struct, frozen=True):
    """Scheme, host and port as one text, and the path, both normalised (RFC 3986 sections 6.2.2 and 6.2.3)."""

    origin: str
    path: str


def target_uri(text: str) -> TargetUri | None:
    """A URL of http or https, without its query and fragment; None for what is no such URL or names a user.

    Scheme and host in lower case, no default port, percent-encoding in upper case and only where it is needed, no dot
    segments, "/" for an empty path. Nothing outside ASCII: names in other scripts are sent encoded.
    """
    if not _ALLOWED.fullmatch(text):
        return None
    parts = _PARTS.match(text)
    if parts is None:
        return None
    scheme, authority, path = parts[1].lower(), parts[2], parts[3]
    named = _HOST.fullmatch(authority)
    if named is None:
        return None
    host, port = named[1].lower(), (named[2] or "").lstrip("0")
    if named[2] and not port:
        return None
    origin = f"{scheme}://{host}" if port in ("", _PORTS[scheme]) else f"{scheme}://{host}:{port}"
    return TargetUri(origin, normalised_path(path))


def normalised_path(path: str) -> str:
    """A path that is made of URI characters alone (RFC 3986 sections 6.2.2.1 to 6.2.2.3)."""
    if "%" in path:
        path = _ENCODED.sub(_decoded, path)
    return _without_dots(path) if "/." in path else path or "/"


def request_path(raw: bytes) -> str | None:
    """The path of a request as it was sent, normalised; None for one that no URL has."""
    path = raw.decode("latin-1")
    if not path.startswith("/") or "?" in path or "#" in path or not _ALLOWED.fullmatch(path):
        return None
    return normalised_path(path)


def _decoded(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, for a path that begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
