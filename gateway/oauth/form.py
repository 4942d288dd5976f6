"""The body of a token request: a form, read strictly and within bounds."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from gateway.oauth.answers import Refusal, malformed

BODY_BYTES_MAX = 16 * 1024
_FIELDS_MAX = 32
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTENT_TYPE = re.compile(r'application/x-www-form-urlencoded\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)

TOO_LARGE = malformed("The body is larger than 16 KiB.")


def read_form(content_types: Iterable[bytes], body: bytes) -> dict[str, str] | Refusal:
    """Parameters by name. Those without a value are left out, as RFC 6749 section 3.2 says.

    Refused: another content type, more than 16 KiB, what is not percent-encoded UTF-8, a name given twice (section
    3.2; `resource` too, which RFC 8707 would let repeat, since a token here has one audience).
    """
    types = [each.decode("latin-1").strip() for each in content_types]
    if len(types) != 1 or not _CONTENT_TYPE.fullmatch(types[0]):
        return malformed("The content type must be application/x-www-form-urlencoded.")
    if len(body) > BODY_BYTES_MAX:
        return TOO_LARGE
    if not body:
        return {}
    try:
        if _BAD_ESCAPE.search(body):
            raise ValueError
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        return malformed("The body is not a percent-encoded form in UTF-8.")
    form = dict(pairs)
    if len(form) != len(pairs):
        return malformed("A parameter is given twice.")
    return {name: value for name, value in form.items() if value}
