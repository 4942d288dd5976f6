"""What is registered, typed out: an addition or a removal shows in review."""

from typing import get_args

import adapters
from adapters.base import Backend
from gateway.health.dimensions import DIMENSIONS
from gateway.scraping.detectors import DETECTORS
from policies.kinds import KINDS
from policies.kinds.anomaly import FindingName
from policies.registry import discover
from policies.techniques import TECHNIQUES


def test_the_clause_kinds_are_these() -> None:
    assert sorted(KINDS) == [
        "access_hours",
        "anomaly",
        "authentication",
        "availability",
        "bulk_sync",
        "concurrency",
        "correction",
        "delivery",
        "disclosure",
        "error_rate",
        "freshness",
        "interruption",
        "notice",
        "page_size",
        "purpose",
        "quota",
        "rate_limit",
        "response_time",
        "signed_requests",
        "source_networks",
    ]


def test_the_techniques_are_these() -> None:
    assert sorted(TECHNIQUES) == [
        "clear",
        "commitment",
        "generalise",
        "keep_first",
        "keep_last",
        "pseudonym",
        "redact",
        "suppress",
    ]


def test_the_adapters_are_these() -> None:
    found = [kind for kind in discover(adapters, Backend) if kind is not Backend]
    assert sorted(str(kind.__struct_config__.tag) for kind in found) == ["http", "memory", "sql"]


def test_the_health_dimensions_are_these() -> None:
    assert [dimension.name for dimension in DIMENSIONS] == ["activity", "answers", "compliance", "drift", "promises"]


def test_the_detectors_of_scraping_are_these_and_clauses_may_name_each_of_them() -> None:
    names = [detector.name for detector in DETECTORS]
    assert names == ["distinct-subjects", "not-found-share", "off-hours", "sequential-keys", "unusual-volume"]
    assert sorted(get_args(FindingName)) == names
