"""Conditional requests (RFC 9110 section 13): what the caller has is not sent again, what changed is not lost."""

from gateway.exchange.outcome import Outcome

_TAGS_BYTES_MAX = 4096
_CODINGS = (b"-gzip", b"-zstd")
_KEPT = frozenset({b"etag", b"vary", b"accept-ranges"})


def fresh(outcome: Outcome, if_none_match: bytes) -> Outcome:
    """304 without data when the caller has this very answer already; the outcome itself otherwise.

    Its ETag is the one that the caller has, in its coding: a cache finds by it what is still good (RFC 9111 4.3.4).
    """
    tag = tag_of(outcome)
    known = None if tag is None else _found(tag, if_none_match, weak=True)
    if known is None:
        return outcome
    headers = tuple((name, known if name == b"etag" else value) for name, value in outcome.headers if name in _KEPT)
    return Outcome(304, body=b"", headers=headers, drift=outcome.drift)


def matches(outcome: Outcome, if_match: bytes) -> bool:
    """Whether the record is still as the caller knows it: strong comparison, so a weak tag never is."""
    tag = tag_of(outcome)
    return if_match.strip() == b"*" or (tag is not None and _found(tag, if_match, weak=False) is not None)


def allows(outcome: Outcome, if_match: bytes | None, if_none_match: bytes | None) -> bool:
    """Whether a change may be made of a record that is as in `outcome` (RFC 9110 section 13.2.2)."""
    if if_match is not None and not matches(outcome, if_match):
        return False
    return if_none_match is None or fresh(outcome, if_none_match) is outcome


def tag_of(outcome: Outcome) -> bytes | None:
    """The ETag of an answer with data."""
    return next((value for name, value in outcome.headers if name == b"etag"), None)


def coded(tag: bytes, coding: str) -> bytes:
    """The tag of the same answer in a content coding: a strong tag names bytes."""
    return b'%b-%b"' % (tag[:-1], coding.encode())


def _found(tag: bytes, tags: bytes, *, weak: bool) -> bytes | None:
    """The tag as it stands in a list, in whichever coding; None when it does not."""
    if tags.strip() == b"*":
        return tag
    for each in tags[:_TAGS_BYTES_MAX].split(b","):
        given = each.strip()
        if given.startswith(b"W/"):
            if not weak:
                continue
            given = given[2:]
        plain = given
        for coding in _CODINGS:
            plain = plain.replace(coding + b'"', b'"')
        if plain == tag:
            return given
    return None
