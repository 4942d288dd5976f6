"""What the caller wants to get: media type and content coding (RFC 9110 section 12.5)."""

from functools import lru_cache
from typing import Literal, TypeAlias

Media: TypeAlias = Literal["json", "ndjson", "csv"]
Coding: TypeAlias = Literal["gzip", "zstd"]

MEDIA_TYPES: dict[Media, bytes] = {
    "json": b"application/json",
    "ndjson": b"application/x-ndjson",
    "csv": b"text/csv; charset=utf-8; header=present",
}
_RANGES: dict[Media, tuple[tuple[str, ...], ...]] = {
    "json": (("*/*",), ("application/*",), ("application/json",)),
    "ndjson": (("*/*",), ("application/*",), ("application/x-ndjson", "application/ndjson", "application/jsonl")),
    "csv": (("*/*",), ("text/*",), ("text/csv",)),
}
"""The ranges that name each media type, the more specific later."""
_FORMS = {"charset": "utf-8", "header": "present"}
"""The parameters of media types that say how an answer is to be, and what each answer is."""
_HEADER_BYTES_MAX = 1024
_CODINGS: tuple[Coding, ...] = ("zstd", "gzip")


@lru_cache(maxsize=256)
def media_of(accept: bytes | None) -> Media | None:
    """What is wanted of a list; JSON when nothing is said, None when nothing that is wanted can be had."""
    if accept is None or not accept.strip():
        return "json"
    ranges = _weighed(accept)
    ranked = [(*_weight(media, ranges), -place, media) for place, media in enumerate(MEDIA_TYPES)]
    quality, _, _, _, chosen = max(ranked)
    return chosen if quality > 0 else None


def _weight(media: Media, ranges: list[tuple[str, float]]) -> tuple[float, int, int]:
    """How much a media type is wanted: the weight of the most specific range that names it, how specific that is, and
    how early it stands, which decides between equals."""
    found = (0.0, 0, 0)
    for specific, names in enumerate(_RANGES[media]):
        for position, (name, quality) in reversed(list(enumerate(ranges))):
            if name in names:
                found = (quality, specific, -position)
    return found


@lru_cache(maxsize=256)
def coding_of(accept_encoding: bytes | None) -> Coding | None:
    """The coding that is wanted most of those that can be had; None: as it is."""
    if accept_encoding is None:
        return None
    wanted = dict(_weighed(accept_encoding))
    rest = wanted.get("*", 0.0)
    ranked = [(wanted.get(coding, rest), -place, coding) for place, coding in enumerate(_CODINGS)]
    quality, _, best = max(ranked)
    return best if quality > 0 and quality >= wanted.get("identity", 0.0) else None


@lru_cache(maxsize=256)
def refuses_identity(accept_encoding: bytes | None) -> bool:
    """Whether an answer as it is, without a coding, is the one thing that is not wanted."""
    if accept_encoding is None:
        return False
    wanted = dict(_weighed(accept_encoding))
    return wanted.get("identity", wanted.get("*", 1.0)) == 0


def _weighed(header: bytes) -> list[tuple[str, float]]:
    """The members of a list with their weights, in lower case; a weight that is no number is none.

    A member of a form that is not given, such as `text/csv; header=absent`, is left out.
    """
    found = []
    for part in header[:_HEADER_BYTES_MAX].decode("latin-1").lower().split(","):
        name, _, parameters = part.partition(";")
        given = dict(parameter.strip().partition("=")[::2] for parameter in parameters.split(";"))
        if all(given.get(form, only).strip('"') == only for form, only in _FORMS.items()):
            found.append((name.strip(), _number(given.get("q", "1"))))
    return found


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0
