"""How C2SP texts spell values: standard base64 (RFC 4648 section 4) and decimals, each value in one way only.

A text that could be spelt in two ways could be changed without its signature or its identity changing, so every
other spelling is refused.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from typing import Final

NUMBER_MAX: Final = (1 << 63) - 1
"""The largest size and index that tlog-tiles allows."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def base64_text(value: bytes) -> str:
    """The value in base64, padded, without line breaks."""
    return b64encode(value).decode("ascii")


def parse_base64(text: str) -> bytes | None:
    """The value of a base64 text; None unless `base64_text` of the value gives the same text again."""
    try:
        value = b64decode(text, validate=True)
    except (Error, ValueError):
        return None
    return value if base64_text(value) == text else None


def parse_hash(text: str) -> bytes | None:
    """The 32 bytes of a base64 text; None for any other length."""
    value = parse_base64(text)
    return value if value is not None and len(value) == 32 else None


def parse_decimal(text: str) -> int | None:
    """A number from 0 to NUMBER_MAX in ASCII digits without leading zeros; None for anything else."""
    if _DECIMAL.fullmatch(text) is None:
        return None
    value = int(text)
    return value if value <= NUMBER_MAX else None


def decode_lines(data: bytes) -> str | None:
    """The UTF-8 text of whole lines; None when it does not end in a newline or has another control character."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.endswith("\n") and _CONTROL.search(text) is None else None
