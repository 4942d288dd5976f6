"""Content negotiation as RFC 9110 section 12.5 has it: media types and content codings."""

import pytest

from gateway.exchange.negotiate import Coding, Media, coding_of, media_of


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/json", "json"),
        ("application/json; charset=utf-8", "json"),
        ("APPLICATION/JSON", "json"),
        ("text/csv", "csv"),
        ("text/*", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("application/jsonl", "ndjson"),
        ("text/csv, application/json", "csv"),
        ("application/json, text/csv", "json"),
        ("application/json;q=0.5, text/csv;q=0.9", "csv"),
        ("*/*, text/csv", "csv"),
        ("text/csv;q=0.3, */*", "json"),
        ("text/csv, application/json, text/csv", "csv"),
        ("application/json;q=0, */*", "ndjson"),
        ("application/*;q=0, */*;q=0.1", "csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "json"),
        ("text/html", None),
        ("application/json;q=0", None),
        ("text/csv;q=x", None),
        ("text/csv;q=2", None),
        ("image/png, text/csv;q=0.0", None),
        (",,;q=1,", None),
    ],
)
def test_the_media_type_that_is_wanted_most_is_given(accept: str | None, media: Media | None) -> None:
    assert media_of(None if accept is None else accept.encode()) == media


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("gzip, identity;q=0.5", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0, zstd;q=0", None),
        ("gzip;q=nan", None),
        ("gzip;q=-1", None),
    ],
)
def test_the_coding_that_is_wanted_most_is_used_and_none_that_is_not(accept: str | None, coding: Coding | None) -> None:
    assert coding_of(None if accept is None else accept.encode()) == coding


def test_a_header_of_any_length_is_read_in_bounded_time() -> None:
    assert media_of(b"text/html," * 100_000 + b"text/csv") is None
    assert coding_of(b"br," * 100_000 + b"gzip") is None
