"""The counted kinds and their effects: the limits that an engine is given are those that the clause says."""

from typing import get_args

import pytest
from msgspec import to_builtins

from contracts.bounds import page_limit_of
from contracts.product import Operation
from policies.clause import Anomaly, Bulk, PageSize
from policies.counted import OPERATIONS
from policies.library import render
from policies.limit import InFlight, Quota, Rate
from tests.unit.policies.clauses import ANOMALY, BULK, CONCURRENCY, PAGE, QUOTA, RATE, binding, clause


def test_weights_may_be_given_for_every_operation_that_there_is() -> None:
    assert get_args(Operation) == OPERATIONS


@pytest.mark.parametrize(("operation", "cost"), [("list", 5), ("get", 1), ("delete", 10)])
def test_a_call_costs_its_weight_and_one_without_costs_1(operation: str, cost: int) -> None:
    weights = {"list": 5, "delete": 10}
    rate = clause(RATE, weights=weights).effect(binding(operation=operation))
    quota = clause(QUOTA, unit="calls", weights=weights).effect(binding(operation=operation))
    assert isinstance(rate, Rate)
    assert isinstance(quota, Quota)
    assert (rate.cost, quota.cost) == (cost, cost)


@pytest.mark.parametrize("unit", ["records", "bytes", "subjects"])
def test_what_is_known_only_after_masking_costs_nothing_before(unit: str) -> None:
    quota = clause(QUOTA, unit=unit).effect(binding())
    assert isinstance(quota, Quota)
    assert quota.cost == 0


def test_a_quota_is_counted_in_the_calendar_of_the_agreement() -> None:
    quota = clause(QUOTA, period="month", enforce="observe").effect(binding("4.2", zone="Europe/Berlin"))
    assert isinstance(quota, Quota)
    assert (quota.key, quota.unit, quota.period, quota.zone) == ("swift-2026/4.2", "records", "month", "Europe/Berlin")
    assert (quota.limit, quota.on_outage, quota.enforce) == (50_000, "local", "observe")


def test_a_limit_on_calls_at_once_counts_each_of_its_counters() -> None:
    limit = clause(CONCURRENCY, enforce="observe").effect(binding("4.3"))
    assert isinstance(limit, InFlight)
    assert (limit.key, limit.per, limit.limit, limit.cost) == ("swift-2026/4.3", "client", 8, 1)
    assert (limit.on_outage, limit.enforce) == ("allow", "observe")


def test_a_rate_that_only_watches_says_so() -> None:
    rate = clause(RATE, enforce="observe").effect(binding())
    assert isinstance(rate, Rate)
    assert (rate.enforce, rate.burst, rate.window_ns) == ("observe", 60, 60 * 10**9)


@pytest.mark.parametrize("values", [RATE, QUOTA, CONCURRENCY], ids=lambda values: values["kind"])
def test_keys_begin_with_the_agreement_and_do_not_change_with_the_numbers(values: dict[str, object]) -> None:
    """What is used survives a reload that changes a limit; a store keeps the counters of an agreement in one place."""
    before = clause(values).effect(binding())
    after = clause(values, limit=100).effect(binding())
    assert isinstance(before, Rate | Quota | InFlight)
    assert isinstance(after, Rate | Quota | InFlight)
    assert before.key == after.key == "swift-2026/4.1"
    apart = clause(values, per="operation").effect(binding(operation="get"))
    assert isinstance(apart, Rate | Quota | InFlight)
    assert apart.key == "swift-2026/4.1/shipments/get"


def test_weights_are_said_in_the_sentence() -> None:
    words = clause(RATE, weights={"list": 5, "get": 2}).words()["weights"]
    assert words == {
        "zh": "list 计 5 次、get 计 2 次、其余计 1 次",
        "en": "list counts 5, get counts 2, any other 1",
    }
    every = clause(RATE, weights=dict.fromkeys(OPERATIONS, 2)).words()["weights"]["en"]
    assert "other" not in every
    assert clause(RATE).words()["weights"]["en"] == "each call counts 1"


def test_a_quota_reads_as_a_sentence() -> None:
    people = clause(QUOTA, unit="subjects", period="month", limit=20_000, enforce="observe")
    assert render(people)["en"].startswith("At most 20000 different data subjects a calendar month, per partner;")
    assert render(people)["zh"].startswith("每自然月不超过 20000 名不同的个人信息主体，按合作方计算；")
    assert render(people)["en"].endswith("calls beyond are recorded and not refused.")


def test_a_page_size_says_how_many_records_a_page_holds() -> None:
    assert page_limit_of([]) == ((50, 200), None)
    assert clause(PAGE).effect(binding()) == PageSize(binding().clause, 100, 500)


def test_a_bulk_read_is_declared_with_its_span_and_its_volume() -> None:
    bulk = clause(BULK).effect(binding())
    assert bulk == Bulk(binding().clause, frozenset({5, 6}), 22 * 60, 4 * 60, 200_000, "Asia/Shanghai")
    midnight = clause(BULK, to="24:00").effect(binding())
    assert isinstance(midnight, Bulk)
    assert midnight.until_minute == 24 * 60


def test_a_measure_says_what_it_does_and_that_a_person_confirms_it() -> None:
    throttle = clause(ANOMALY)
    findings = frozenset({"sequential-keys", "off-hours"})
    ref = binding().clause
    assert throttle.effect(binding()) == Anomaly(ref, findings, "throttle", 60, 60 * 10**9, 86_400)
    suspend = clause(ANOMALY, action="suspend", calls=None, window=None, lasts="P31D")
    assert suspend.effect(binding()) == Anomaly(ref, findings, "suspend", 0, 0, 31 * 86_400)
    for measure in (throttle, suspend):
        assert "once a person at the Hub has confirmed it" in measure.words()["action"]["en"]
        assert "经甲方人员确认后" in measure.words()["action"]["zh"]
    assert {"calls", "window"} & suspend.words().keys() == set()


def test_a_clause_is_written_as_it_is_read() -> None:
    """What an agreement sets is laid over the clause as a document writes it, with `from` for `from_`."""
    written = to_builtins(clause(BULK))
    assert (written["kind"], written["from"], written["to"]) == ("bulk_sync", "22:00", "04:00")
    assert clause(BULK).parameters().keys() == {"days", "from", "to", "records"}
