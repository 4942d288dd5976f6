"""Patterns and formats of text. Both come from the contract and meet values from outside: each takes linear time."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlsplit

from contracts.pattern import Pattern

Check: TypeAlias = Callable[[str], bool]
PATTERN_CHARACTERS_MAX = 10_000
"""Text that a pattern is held against is no longer: linear is still long where the pattern is."""

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOCAL_PART = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")


def compile_pattern(pattern: str) -> Check | None:
    """Whether a text has a part that matches `pattern`, as in JSON Schema; None when it is no pattern that RE2 knows.

    ECMA-262's syntax but for look-around and back-references, which no engine matches in linear time. A text ends at
    U+0000 for CEL, so the caller sees to it that there is none.
    """
    try:
        known = Pattern(_ESCAPE.sub(lambda found: f"\\x{{{found[1]}}}" if found[1] else found[0], pattern))
    except (RuntimeError, ValueError):
        return None
    return lambda text: known.failing([text]) == 0


def _is_hostname(text: str) -> bool:
    return len(text) <= 253 and _HOSTNAME.fullmatch(text) is not None


def _is_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return _LOCAL_PART.fullmatch(local) is not None and _is_hostname(domain)


def _is_uri(text: str) -> bool:
    try:
        return _URI.fullmatch(text) is not None and urlsplit(text).port != 0
    except ValueError:
        return False


def _is_address(text: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return "%" not in text


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


FORMATS: Mapping[str, Check] = MappingProxyType(
    {
        "byte": _is_base64,
        "email": _is_email,
        "hostname": _is_hostname,
        "ipv4": lambda text: _is_address(text, ipaddress.IPv4Address),
        "ipv6": lambda text: _is_address(text, ipaddress.IPv6Address),
        "uri": _is_uri,
        "uuid": lambda text: _UUID.fullmatch(text) is not None,
    }
)
"""The formats that are checked. Others, such as `password`, say how a text is shown and not what it is."""
