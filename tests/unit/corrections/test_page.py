"""The tables of docs/corrections.md are true: deadlines and credits are computed again with the clause above them."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import yaml

from gateway.corrections.keeping import WORDS_KEPT_DAYS
from gateway.corrections.steps import RULES
from policies.correcting import moment_of
from policies.kinds.correction import Correction, Part
from policies.settling.facts import Correction as Report
from policies.settling.facts import Facts
from policies.settling.settled import Settled
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "corrections.md").read_text(encoding="utf-8")
ZONE = ZoneInfo("Asia/Shanghai")


def clause() -> Correction:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return msgspec.convert({"id": "1", "text": {}} | yaml.safe_load(text), Correction)


def rows(heading: str) -> list[list[str]]:
    """The rows of the table that begins with these columns."""
    _, _, after = PAGE.partition(f"| {heading}")
    lines = after.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def at(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE) if text else None


def report(severity: str, reported: str, acknowledged: str = "", fixed: str = "") -> Report:
    begun = at(reported)
    assert begun is not None
    return Report(severity=severity, reported=begun, acknowledged=at(acknowledged), fixed=at(fixed))


def test_every_deadline_is_as_the_page_has_it() -> None:
    parts: tuple[Part, ...] = ("acknowledge", "fix")
    table = rows("severity | reported | acknowledge by")
    assert len(table) == 7
    for severity, reported, *due in table:
        courses = [clause().course(report(severity, reported), part, "Asia/Shanghai") for part in parts]
        found = [None if course is None else moment_of(course.due_us) for course in courses]
        assert found == [at(text) for text in due], reported


def test_every_credit_is_as_the_page_has_it() -> None:
    table = rows("severity | reported | acknowledged | fixed")
    assert len(table) == 6
    for severity, reported, acknowledged, fixed, breaches, credit in table:
        facts: dict[str, Any] = {"from_": at("2026-10-01"), "to": at("2026-11-01"), "zone": "Asia/Shanghai"}
        made = report(severity, reported, acknowledged, fixed)
        settled = clause().settle(Facts(fee=Decimal("1000.00"), corrections=(made,), **facts))
        assert isinstance(settled, Settled)
        assert (settled.measured, str(settled.credit)) == (breaches, credit), (severity, reported)


def test_the_steps_are_those_that_can_be_taken() -> None:
    for name, whose, before, after in rows("step | by | from"):
        rule = RULES[name]  # type: ignore[index]  # the page names them
        assert whose.split(",")[0] == rule.whose
        assert {state for state in before.split(", ") if state} == rule.after
        assert after == rule.to
    assert len(rows("step | by | from")) == len(RULES)


def test_words_are_erased_when_the_page_says() -> None:
    assert f"**{WORDS_KEPT_DAYS} days after" in PAGE
