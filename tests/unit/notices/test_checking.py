"""What is said of a notice before it is published, agreement by agreement, and what a partner may read of it then."""

import pytest
from msgspec.structs import replace

from contracts.plan import Contract, Plans
from gateway.notices.checking import Concern, concerned, unknown_names
from gateway.workspace import Workspace
from tests.unit.notices.announcing import (
    AGREEMENT,
    DAY_US,
    MINUTE_US,
    PRODUCT,
    VERSION,
    announcing_workspace,
    at_us,
    loaded,
    the_contract,
)

NOW_US = at_us("2026-11-01T00:00")
OLD = f"kind: deprecation\nproduct: {PRODUCT}\nversion: {VERSION}\ndeprecated: 2026-11-01\nsunset: SUNSET"
NIGHTS = "kind: maintenance\nfrom: 2026-11-03T00:00\nduration: PT1H\nrrule: FREQ=DAILY\nuntil: 2026-11-08"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return announcing_workspace(tmp_path_factory.mktemp("workspace"))


def only(text: str, plans: Plans) -> Concern:
    (concern,) = concerned(loaded(text).value, plans, NOW_US)
    return concern


@pytest.mark.parametrize(
    ("text", "clause", "short_us"),
    [
        (OLD.replace("SUNSET", "2027-01-30"), "", 0),
        (OLD.replace("SUNSET", "2027-01-29T23:59"), "6.2", MINUTE_US),
        ("kind: change\neffective: 2026-12-01", "", 0),
        ("kind: change\neffective: 2026-11-30", "6.2", DAY_US),
        ("kind: force_majeure\nfrom: 2026-10-30\nto: 2026-11-01", "", 0),
        ("kind: force_majeure\nfrom: 2026-10-29\nto: 2026-11-01", "6.2", DAY_US),
    ],
)
def test_whether_a_notice_is_in_time_is_said_with_the_clause(
    text: str, clause: str, short_us: int, workspace: Workspace
) -> None:
    concern = only(text, workspace.plans)
    assert (concern.clause, max(concern.short_us, 0), concern.in_time) == (clause, short_us, not short_us)


def test_of_a_series_it_is_said_how_many_do_not_count(workspace: Workspace) -> None:
    concern = only(NIGHTS, workspace.plans)
    assert (concern.spans, concern.late, concern.short_us) == (5, 1, DAY_US)


def test_clauses_about_more_products_are_named(workspace: Workspace) -> None:
    wider = _with(workspace, products=(PRODUCT, "another"))
    assert only(f"{NIGHTS}\nproducts: [{PRODUCT}]", wider).only_some == ("5.8",)
    assert only(f"{NIGHTS}\nproducts: [{PRODUCT}]", workspace.plans).only_some == ()
    assert only(NIGHTS, wider).only_some == ()


def test_an_agreement_that_is_over_by_then_is_not_concerned(workspace: Workspace) -> None:
    over = _with(workspace, effective_until_s=at_us("2026-11-02T00:00") // 1_000_000)
    assert concerned(loaded(NIGHTS).value, over, NOW_US) == ()
    assert concerned(loaded("kind: change\neffective: 2026-12-01").value, over, NOW_US) == ()
    # Its answers are deprecated for a day, and no clause is broken by an end that comes after its own.
    assert only(OLD.replace("SUNSET", "2026-11-03"), over).in_time


def test_names_that_nobody_has_are_found_where_they_stand(workspace: Workspace) -> None:
    text = f"{NIGHTS}\nagreements: [{AGREEMENT}, none]\nproducts: [{PRODUCT}, nothing]"
    assert [path for path, _ in unknown_names(loaded(text).value, workspace.plans)] == [
        ("agreements", 1),
        ("products", 1),
    ]
    another = OLD.replace("SUNSET", "2027-03-01").replace(VERSION, "9.0.0")
    assert [path for path, _ in unknown_names(loaded(another).value, workspace.plans)] == [("version",)]


def _with(workspace: Workspace, **changed: object) -> Plans:
    """The same workspace with another agreement."""
    contract: Contract = replace(the_contract(workspace), **changed)
    plans = workspace.plans
    return replace(plans, contracts={(contract.agreement, contract.version): contract})
