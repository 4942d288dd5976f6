"""Notices as documents: every mistake with its line, and times as clocks show them."""

from datetime import UTC, datetime

import pytest

from contracts.notice import Maintenance, decode_notice
from contracts.workspace import Loaded

GOOD = """\
notice: upkeep
kind: maintenance
time_zone: Europe/Berlin
from: 2026-03-22T02:30
duration: PT2H
rrule: FREQ=WEEKLY;BYDAY=SU
until: 2026-04-06
words: {zh: 维护, en: Upkeep}
"""


def codes(text: str) -> list[tuple[int, str, str]]:
    found = decode_notice(text.encode(), "n.yaml")
    assert isinstance(found, list)
    assert all(finding.file == "n.yaml" for finding in found)
    return [(finding.line, finding.path, finding.code) for finding in found]


def decoded(text: str) -> Maintenance:
    found = decode_notice(text.encode(), "n.yaml")
    assert isinstance(found, Loaded), found
    assert isinstance(found.value, Maintenance)
    return found.value


def test_a_rule_is_of_clocks_that_change() -> None:
    spans = [f"{begins:%m-%dT%H:%M} {ends:%H:%M}" for begins, ends in decoded(GOOD).spans()]
    # On 29 March 02:30 is skipped: it is what it would have been, 03:30 of the new time, and lasts two hours.
    assert spans == ["03-22T01:30 03:30", "03-29T01:30 03:30", "04-05T00:30 02:30"]


def test_of_an_hour_that_comes_twice_it_is_the_first() -> None:
    autumn = GOOD.replace("2026-03-22", "2026-10-25").replace("2026-04-06", "2026-10-26")
    assert list(decoded(autumn).spans()) == [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC))
    ]


def test_without_a_rule_it_happens_once() -> None:
    once = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(("rrule", "until")))
    assert len(list(decoded(once).spans())) == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kind: maintenance", "kind: upkeep", (2, "kind", "unknown-kind")),
        ("Europe/Berlin", "Europe/Atlantis", (3, "time_zone", "unknown-time-zone")),
        ("2026-03-22T02:30", "2026-02-30T02:30", (4, "from", "bad-value")),
        ("2026-03-22T02:30", "2026-03-22T02:30:15", (4, "from", "bad-value")),
        ("2026-03-22T02:30", "2026-04-07", (7, "until", "dates-reversed")),
        ("until: 2026-04-06", "until: 2036-04-06", (7, "until", "bad-value")),
        ("PT2H", "PT90S", (5, "duration", "bad-value")),
        ("PT2H", "P32D", (5, "duration", "bad-value")),
        ("BYDAY=SU", "BYDAY=XX", (6, "rrule", "bad-value")),
        ("until: 2026-04-06\n", "", (6, "rrule", "contradiction")),
        ("{zh: 维护, en: Upkeep}", "{en: Upkeep}", (8, "words", "text-missing")),
        ("en: Upkeep", f"en: {'x' * 4001}", (8, "words.en", "bad-value")),
        ("notice: upkeep", "notice: Up Keep", (1, "notice", "bad-value")),
        ("until:", "unitl:", (7, "unitl", "unknown-key")),
    ],
)
def test_a_mistake_is_said_where_it_stands(old: str, new: str, expected: tuple[int, str, str]) -> None:
    assert old in GOOD
    line, path, code = expected
    assert (line, code) in [(found[0], found[2]) for found in codes(GOOD.replace(old, new))]
    assert any(found[1].startswith(path) for found in codes(GOOD.replace(old, new)))


def test_all_mistakes_are_said_at_once() -> None:
    wrong = GOOD.replace("PT2H", "2").replace("Upkeep", "").replace("until:", "unitl:")
    assert len(codes(wrong)) >= 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("link: https://hub.example/a", 'link: "https://hub.example/a>; rel=x"'),
        ("link: https://hub.example/a", "link: http://hub.example/a"),
        ("link: https://hub.example/a", 'link: "https://hub.example/\\r\\nSet-Cookie: a"'),
        ("sunset: 2027-01-01", "sunset: 2026-01-01"),
        ("version: 1.0.0", "version: 1"),
    ],
)
def test_a_deprecation_says_nothing_that_cannot_stand_in_a_header(old: str, new: str) -> None:
    good = """\
notice: old
kind: deprecation
time_zone: Asia/Shanghai
product: shipments
version: 1.0.0
deprecated: 2026-06-01
sunset: 2027-01-01
link: https://hub.example/a
words: {zh: 停用, en: Deprecated}
"""
    assert isinstance(decode_notice(good.encode(), "n.yaml"), Loaded)
    assert codes(good.replace(old, new))
