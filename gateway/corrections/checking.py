"""Checks a report against the data: the field is in the reporter's view, the record visible, the value not right yet;
and a correction, by reading the record again through that same view."""

import json
from typing import Any, Final

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from gateway.corrections.comparing import Found, Granted, compare, fits, granted, read_expected
from gateway.corrections.reading import Reader, Unreadable
from gateway.corrections.under import contract_of, reading_plan
from gateway.store.corrections import KeptCorrection
from policies.reference import Words


class Doubt(Struct, frozen=True):
    """Why a report is not taken: a code of gateway/problems.py, which member of it, and what is wrong with that."""

    code: str
    member: str = ""
    words: Words | None = None


SHOWN_ALREADY: Final[Words] = {"zh": "记录已显示该值", "en": "the record shows this value already"}
_NO_SINGLE_VALUE: Final[Words] = {
    "zh": "应为单个值：文本、数字、true、false 或 null",
    "en": "expected a single value: a text, a number, true, false or null",
}
_ANOTHER_TYPE: Final[Words] = {
    "zh": "该字段不可能有此类型的值",
    "en": "the field cannot have a value of this type",
}


class Checked(Struct, frozen=True):
    """A report that can be taken; `found` is what the record shows now, against what is expected."""

    found: Found


class Claimed(Struct, frozen=True):
    """What is said to be wrong: a field of a record; `expected` is what it should be, as JSON."""

    product: str
    key: str
    field: str
    expected: str


async def check_report(plans: Plans, contract: Contract, reader: Reader, claimed: Claimed) -> Checked | Doubt:
    """Whether the error can be one, as far as the partner's own view shows."""
    field, expected = claimed.field, claimed.expected
    plan = reading_plan(plans, contract, claimed.product)
    if plan is None:
        return Doubt("unknown-product")
    shown = granted(plan, field)
    if shown is None:
        return Doubt("invalid-fields")
    if doubt := _unfit(plan, shown, expected):
        return doubt
    record = await reader.read(plan, claimed.key)
    if isinstance(record, Unreadable):
        return Doubt(record.code)
    if record is None:
        return Doubt("record-not-found")
    found = compare(plan, field, record, expected)
    if found == "agrees":
        return Doubt("invalid-body", "expected", SHOWN_ALREADY)
    return Checked(found)


def _unfit(plan: Plan, shown: Granted, expected: str) -> Doubt | None:
    try:
        read_expected(expected)
    except ValueError:
        return Doubt("invalid-body", "expected", _NO_SINGLE_VALUE)
    if not fits(plan, shown, expected):
        return Doubt("invalid-body", "expected", _ANOTHER_TYPE)
    return None


async def check_fix(plans: Plans, reader: Reader, correction: KeptCorrection) -> Found:
    """What the record shows now, read through the view of the agreement that the error was reported under."""
    contract, said = contract_of(plans, correction), words_of(correction.words)
    plan = None if contract is None else reading_plan(plans, contract, correction.product)
    if plan is None or "key" not in said:
        return "unreadable"
    record = await reader.read(plan, str(said["key"]))
    if isinstance(record, Unreadable):
        return "unreadable"
    agreed = said.get("found") == "agrees-masked"
    return compare(plan, correction.field, record, str(said["expected"]), agreed_before=agreed)


def words_of(words: str) -> dict[str, Any]:
    """What is said in words, without the salt; nothing once it is erased."""
    said: dict[str, Any] = json.loads(words) if words else {}
    said.pop("salt", None)
    return said
