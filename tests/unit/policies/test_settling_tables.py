"""Published credit schedules, settled: tests/cases/sla-published-*.yaml, decoded just as `clausegate settle` does."""

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import yaml

from gateway.commands.settle import answer
from policies.kinds import KINDS
from policies.settling.decoding import facts_of
from policies.settling.facts import FactFault
from policies.settling.promise import Promise
from tests.conftest import ROOT

FILES = sorted((ROOT / "tests" / "cases").glob("sla-published-*.yaml"))
TEXT = {"id": "5.1", "text": {"zh": "-", "en": "-"}}


def tables() -> list[Any]:
    found = []
    for file in FILES:
        for schedule in yaml.safe_load(file.read_text(encoding="utf-8"))["schedules"]:
            name = schedule["source"].split("(")[0].strip()
            found += [pytest.param(schedule, case, id=f"{name}: {case['name']}") for case in schedule["cases"]]
    return found


def promise(clause: dict[str, Any]) -> Promise:
    made = msgspec.convert(clause | TEXT, KINDS[clause["kind"]])
    assert isinstance(made, Promise)
    assert made.faults() == []
    return made


def slices(clause: dict[str, Any], lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each line's slices one by one."""
    length = msgspec.convert(clause.get("slice", "PT5M"), timedelta)
    found = []
    for line in lines:
        start = datetime.fromisoformat(line["at"])
        rest = {name: value for name, value in line.items() if name not in ("at", "count")}
        found += [{"start": (start + number * length).isoformat(), **rest} for number in range(line["count"])]
    return found


def settled(schedule: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    given = schedule["given"] | case.get("given", {})
    if "slices" in case:
        given = given | {"slices": slices(schedule["clause"], case["slices"])}
    facts = facts_of(json.dumps(given).encode())
    assert not isinstance(facts, FactFault), facts
    found = promise(schedule["clause"]).settle(facts)
    assert not isinstance(found, FactFault), found
    return answer(found)


@pytest.mark.parametrize(("schedule", "case"), tables())
def test_a_published_schedule_comes_to_what_it_says(schedule: dict[str, Any], case: dict[str, Any]) -> None:
    found = settled(schedule, case)
    assert {name: found[name] for name in case["expect"]} == case["expect"], found["explanation"]["en"]


def test_a_boundary_moved_by_the_least_there_is_changes_the_answer() -> None:
    """The tables can fail: a schedule whose comparison is another gives another credit exactly at its thresholds."""
    (mean,) = [file for file in FILES if file.stem.endswith("mean")]
    (aws, *_) = yaml.safe_load(mean.read_text(encoding="utf-8"))["schedules"]
    (exact,) = [case for case in aws["cases"] if case["name"].startswith("432")]
    bands = [{"at_or_below": band["below"], "percent": band["percent"]} for band in aws["clause"]["credit"]["bands"]]
    other = aws | {"clause": aws["clause"] | {"credit": aws["clause"]["credit"] | {"bands": bands}}}
    assert settled(aws, exact)["percent"] == "25"
    assert settled(other, exact)["percent"] == "100"
