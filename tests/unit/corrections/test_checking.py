"""What a view shows decides what can be reported and what counts as corrected; what it masks proves less."""

from typing import Any

import pytest
from msgspec import structs

from contracts.plan import Plan
from gateway.corrections.checking import Checked, Claimed, Doubt, check_fix, check_report
from gateway.corrections.comparing import compare, same
from gateway.corrections.reading import Unreadable, ViewReader
from gateway.corrections.under import NoClause, clause_for, contract_for, reading_plan
from gateway.store.corrections import KeptCorrection
from gateway.workspace import Workspace
from tests.unit.corrections.stage import NOW_US, PARTNER, PRODUCT, Shelf, contract_of

RECORD: dict[str, Any] = {"shipment_id": "s-1", "weight_kg": 2, "customer": {"phone": "*******1111"}}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def reader(shelf: Shelf) -> ViewReader:
    return ViewReader(lambda: {"records": shelf})


def plan_of(workspace: Workspace) -> Plan:
    plan = reading_plan(workspace.plans, contract_of(workspace), PRODUCT)
    assert plan is not None
    return plan


async def checked(workspace: Workspace, reader: ViewReader, key: str, field: str, expected: str) -> Checked | Doubt:
    claimed = Claimed(PRODUCT, key, field, expected)
    return await check_report(workspace.plans, contract_of(workspace), reader, claimed)


@pytest.mark.parametrize(
    ("key", "field", "expected", "found"),
    [
        ("s-1", "weight_kg", "3.5", "differs"),
        ("s-1", "weight_kg", "null", "differs"),
        ("s-1", "customer.phone", '"13800002222"', "differs"),
        ("s-1", "customer.name", '"Li Na"', "incomparable"),
        ("s-1", "customer.phone", '"13900001111"', "agrees-masked"),  # what the mask hides may still be wrong
    ],
)
async def test_an_error_that_the_view_can_show_is_taken(  # noqa: PLR0917 - the columns of the table
    workspace: Workspace, reader: ViewReader, key: str, field: str, expected: str, found: str
) -> None:
    assert await checked(workspace, reader, key, field, expected) == Checked(found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "field", "expected", "code", "member"),
    [
        ("s-2", "weight_kg", "3.5", "record-not-found", ""),  # another carrier's
        ("s-9", "weight_kg", "3.5", "record-not-found", ""),
        ("..", "weight_kg", "3.5", "record-not-found", ""),
        ("s-1", "carrier_code", '"X"', "invalid-fields", ""),  # declared, and not granted
        ("s-1", "customer.name.first", '"X"', "invalid-fields", ""),
        ("s-1", "weight_kg.more", '"X"', "invalid-fields", ""),
        ("s-1", "", '"X"', "invalid-fields", ""),
        ("s-1", "weight_kg", '"heavy"', "invalid-body", "expected"),
        ("s-1", "weight_kg", "[3.5]", "invalid-body", "expected"),
        ("s-1", "weight_kg", "2.50", "invalid-body", "expected"),  # it is that already
        ("s-1", "shipment_id", "1", "invalid-body", "expected"),
    ],
)
async def test_one_that_it_cannot_show_is_not(  # noqa: PLR0917 - the columns of the table
    workspace: Workspace, reader: ViewReader, key: str, field: str, expected: str, code: str, member: str
) -> None:
    doubt = await checked(workspace, reader, key, field, expected)
    assert isinstance(doubt, Doubt)
    assert (doubt.code, doubt.member) == (code, member)


async def test_a_product_that_is_not_ones_own_and_a_backend_that_fails_are_no_errors_in_the_data(
    workspace: Workspace, reader: ViewReader, shelf: Shelf
) -> None:
    leads = Claimed("leads", "s-1", "weight_kg", "3")
    doubt = await check_report(workspace.plans, contract_of(workspace), reader, leads)
    assert doubt == Doubt("unknown-product")
    shelf.broken = True
    assert await checked(workspace, reader, "s-1", "weight_kg", "3") == Doubt("backend-unreachable")
    assert await ViewReader(dict).read(plan_of(workspace), "s-1") == Unreadable("backend-unreachable")


def kept(workspace: Workspace, field: str, words: str) -> KeptCorrection:
    contract = contract_of(workspace)
    return KeptCorrection(
        id="c-1",
        partner=PARTNER,
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        clause="6.1",
        owed_by="hub",
        severity="critical",
        product=PRODUCT,
        field=field,
        reported_by="swift-app",
        state="reported",
        reported_us=NOW_US,
        closed_us=None,
        steps=1,
        words=words,
    )


@pytest.mark.parametrize(
    ("field", "words", "change", "found"),
    [
        ("weight_kg", '"expected":"3.50","found":"differs"', {"weight_kg": 3.5}, "agrees"),
        ("weight_kg", '"expected":"3.50","found":"differs"', {"weight_kg": 3.51}, "differs"),
        ("weight_kg", '"expected":"null","found":"differs"', {"weight_kg": None}, "agrees"),
        ("weight_kg", '"expected":"3","found":"differs"', {"carrier_code": "OTHER"}, "gone"),
        (
            "customer.phone",
            '"expected":"\\"13800002222\\"","found":"differs"',
            {"customer": {"phone": "13800002222"}},
            "agrees-masked",
        ),
        ("customer.phone", '"expected":"\\"13900001111\\"","found":"agrees-masked"', {}, "incomparable"),
    ],
)
async def test_a_correction_counts_by_what_its_reporter_would_be_shown(  # noqa: PLR0917 - the columns of the table
    workspace: Workspace, reader: ViewReader, shelf: Shelf, field: str, words: str, change: dict[str, Any], found: str
) -> None:
    shelf.put("s-1", **change)
    correction = kept(workspace, field, f'{{"key":"s-1",{words}}}')
    assert await check_fix(workspace.plans, reader, correction) == found


async def test_what_cannot_be_read_any_more_proves_nothing(
    workspace: Workspace, reader: ViewReader, shelf: Shelf
) -> None:
    assert await check_fix(workspace.plans, reader, kept(workspace, "weight_kg", "")) == "unreadable"
    gone = structs.replace(kept(workspace, "weight_kg", '{"key":"s-1","expected":"1"}'), version="0.0.1")
    assert await check_fix(workspace.plans, reader, gone) == "unreadable"
    shelf.broken = True
    assert (
        await check_fix(workspace.plans, reader, kept(workspace, "weight_kg", '{"key":"s-1","expected":"1"}'))
        == "unreadable"
    )


def test_a_field_that_is_hidden_whatever_it_holds_cannot_be_compared(workspace: Workspace) -> None:
    plan = plan_of(workspace)
    assert compare(plan, "customer.name", {"customer": {"name": "***"}}, '"***"') == "incomparable"
    assert compare(plan, "customer", RECORD, '"x"') == "incomparable"  # an object is no one value
    assert compare(plan, "customer.phone", RECORD, '"*******1111"') == "agrees-masked"  # as the view shows it


@pytest.mark.parametrize(
    ("one", "other", "equal"), [(1, True, False), (1, 1.0, False), ("1", 1, False), (0, False, False), ("a", "a", True)]
)
def test_values_are_equal_by_what_they_are(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


def test_the_clause_is_the_agreements_own_about_the_product_for_the_side_that_owes_it(workspace: Workspace) -> None:
    contract = contract_for(workspace.plans, PARTNER, PRODUCT, NOW_US // 1_000_000)
    assert contract is not None
    for side, number in (("hub", "6.1"), ("partner", "6.2")):
        clause = clause_for(contract, PRODUCT, side, "minor")  # type: ignore[arg-type]
        assert not isinstance(clause, NoClause)
        assert clause.id == number
    unknown = clause_for(contract, PRODUCT, "hub", "huge")
    assert isinstance(unknown, NoClause)
    assert (unknown.parameter, "critical, minor" in unknown.words["en"]) == ("severity", True)
    other = clause_for(contract, PRODUCT, "hub", "minor", "6.2")
    assert isinstance(other, NoClause)
    words = ("clause", "this is no clause about errors in the data of this product")
    assert (other.parameter, other.words["en"]) == words
    assert contract_for(workspace.plans, PARTNER, PRODUCT, 0) is None
