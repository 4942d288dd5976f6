"""A target that the expected volume can never prove is found; one that it just can is not."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from adapters.base import Backend
from contracts.budgets import MONTH_DAYS, allowed_share, budget_findings, smallest_step, unprovable
from contracts.compile import compile_documents
from contracts.finding import Finding
from contracts.plan import Plans
from contracts.workspace import decode_documents
from policies.clause import Meter
from tests.unit.sla.hub import AGREEMENT, NOON_S, PARTNERS, POLICY, PRODUCT, plan_of, plans_of

BY_SLICE, BY_CALL = plan_of(plans_of()).meters


def meter(like: Meter, target: str) -> Meter:
    return structs.replace(like, target_percent=target)


@pytest.mark.parametrize(
    ("target", "daily", "told"),
    [
        ("99.9", 32, True),  # 992 calls a month: one is more than a thousandth
        ("99.9", 33, False),  # 1,023
        ("96.775", 1, True),
        ("96", 1, False),
        ("100", 1, False),  # one bad call breaks it whatever the volume
        ("99.99", 322, True),
        ("99.99", 323, False),
    ],
)
def test_calls_counted_one_by_one_have_to_be_more_than_one_bad_one_hides_in(
    target: str, daily: int, told: bool
) -> None:
    assert bool(unprovable(meter(BY_CALL, target), daily)) is told


def test_slices_without_calls_that_count_as_good_make_a_measure_finer() -> None:
    assert smallest_step(BY_SLICE, 100) == Fraction(1, 31 * 288)
    assert smallest_step(BY_SLICE, 31 * 288 * 5) == Fraction(1, 31 * 288 * 5)
    assert not unprovable(meter(BY_SLICE, "99.98"), 1)
    assert unprovable(meter(BY_SLICE, "99.99"), 1)
    assert unprovable(meter(structs.replace(BY_SLICE, empty_slice="ignore"), "99.9"), 1)


@given(st.integers(1, 99_999), st.integers(1, 5000))
@settings(max_examples=50)
def test_a_target_can_be_proved_exactly_when_it_outlives_one_bad_call(thousandths: int, daily: int) -> None:
    target = f"{thousandths // 1000}.{thousandths % 1000:03}"
    calls = daily * MONTH_DAYS
    outlives = Fraction(calls - 1, calls) * 100 >= Fraction(target)
    assert bool(unprovable(meter(BY_CALL, target), daily)) is not outlives
    assert allowed_share(target) == 1 - Fraction(target) / 100


def found(daily: str, target: str, from_s: int = NOON_S) -> list[Finding]:
    values = PARTNERS["swift-logistics"] | {"volume": daily}
    files = {
        "policies/standard-terms.yaml": POLICY.replace('share: "95"', f'share: "{target}"'),
        "products/shipments.odcs.yaml": PRODUCT.format(name="shipments", role="logistics", purpose="delivery"),
        "agreements/swift.yaml": AGREEMENT.format(id="swift", **values),
    }
    documents, _ = decode_documents({name: text.encode() for name, text in files.items()})
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans)
    return budget_findings(documents.agreements, plans, from_s)


def test_an_agreement_with_such_a_target_is_found_at_its_volume() -> None:
    (finding,) = found("volume: {requests_per_day: 30}", "99.9")
    assert (finding.code, finding.severity) == ("target-unprovable", "error")
    assert (finding.file, finding.path) == ("agreements/swift.yaml", "volume.requests_per_day")
    assert finding.line == 8
    for words in ("clause 5.2 promises 99.9 %", "930 calls", "it takes 1,000 calls"):
        assert words in finding.message


def test_one_without_a_volume_or_at_its_end_is_not() -> None:
    assert found("", "99.9") == []
    assert found("volume: {requests_per_day: 33}", "99.9") == []
    until_s = next(iter(plans_of().contracts.values())).effective_until_s
    assert found("volume: {requests_per_day: 30}", "99.9", until_s) == []
    assert len(found("volume: {requests_per_day: 30}", "99.9", until_s - 1)) == 1
