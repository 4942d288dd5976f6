"""What is registered, typed out: an addition or a removal shows in review."""

import adapters
from adapters.base import Backend
from gateway.health.dimensions import DIMENSIONS
from policies.kinds import KINDS
from policies.registry import discover
from policies.techniques import TECHNIQUES


def test_the_clause_kinds_are_these() -> None:
    assert sorted(KINDS) == ["availability", "disclosure", "purpose", "rate_limit", "response_time"]


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
