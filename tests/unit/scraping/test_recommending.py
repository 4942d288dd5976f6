"""A recommended clause is one that the gateway's own check accepts, and does not bind normal use."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import yaml

from contracts.plan import Plans
from gateway.scraping.detectors import DETECTORS
from gateway.scraping.recommending import calls_an_hour, people_a_day, records_an_hour, roomy, throttle
from policies.clause import Clause
from policies.library import KINDS, render, text_faults
from tests.unit.contracts.sample import TABLE, compiled

NORMAL = (0, 1, 99, 450, 7_777, 80_000_000)
RECOMMENDED = {
    **{f"people {normal}": people_a_day(normal) for normal in NORMAL},
    **{f"records {normal}": records_an_hour(normal) for normal in NORMAL},
    **{f"calls {normal}": calls_an_hour(normal) for normal in NORMAL},
    **{f"{detector.name} {normal}": throttle(detector.name, normal) for detector in DETECTORS for normal in NORMAL},
}


def clause_of(text: str) -> Clause:
    document: list[Mapping[str, Any]] = yaml.safe_load(text)
    assert len(document) == 1
    kind = KINDS[document[0]["kind"]]
    return msgspec.convert(document[0], kind)


@pytest.mark.parametrize("text", RECOMMENDED.values(), ids=RECOMMENDED.keys())
def test_it_decodes_has_no_fault_and_says_all_its_numbers_in_both_languages(text: str) -> None:
    clause = clause_of(text)
    assert clause.faults() == []
    assert text_faults(clause) == []
    assert all("{" not in sentence for sentence in render(clause).values())


@pytest.mark.parametrize("text", [people_a_day(50), records_an_hour(50), calls_an_hour(50), throttle("off-hours", 50)])
def test_a_policy_with_it_compiles(text: str) -> None:
    before = TABLE["workspace"]["policies/logistics-standard.yaml"]
    indented = "".join(f"  {line}\n" for line in text.splitlines())
    _, plans = compiled({"policies/logistics-standard.yaml": (before, before.rstrip("\n") + "\n" + indented)})
    assert isinstance(plans, Plans)
    assert any(ref.id == "90.1" for contract in plans.contracts.values() for ref in contract.clauses)


def test_its_number_is_twice_the_normal_use_rounded_up_to_two_digits() -> None:
    assert [roomy(normal) for normal in (0, 50, 61, 450, 7_777)] == [100, 100, 130, 900, 16_000]


def test_its_numbers_are_those_of_its_kind() -> None:
    quota, rate, slowed = (
        clause_of(people_a_day(300)),
        clause_of(calls_an_hour(300)),
        clause_of(throttle("off-hours", 300)),
    )
    assert (quota.parameters()["unit"], quota.parameters()["limit"]) == ("subjects", 600)
    assert (rate.parameters()["limit"], rate.parameters()["window"]) == (600, timedelta(hours=1))
    assert (slowed.parameters()["calls"], slowed.parameters()["findings"]) == (600, ("off-hours",))
