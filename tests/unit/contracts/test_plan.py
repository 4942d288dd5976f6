"""What is in force, as one value, answers questions about agreements."""

from msgspec.structs import replace

from tests.unit.sla.hub import plans_of


def test_the_versions_of_an_agreement_are_in_the_order_in_which_they_take_effect() -> None:
    plans = plans_of()
    (first,) = plans.versions_of("swift-logistics-2026")
    later = [
        replace(first, version=f"1.{minor}.0", effective_from_s=first.effective_from_s + minor) for minor in (10, 9)
    ]
    more = replace(plans, contracts={**plans.contracts, **{(each.agreement, each.version): each for each in later}})
    assert [each.version for each in more.versions_of("swift-logistics-2026")] == ["1.0.0", "1.9.0", "1.10.0"]
    assert more.versions_of("nothing") == ()
