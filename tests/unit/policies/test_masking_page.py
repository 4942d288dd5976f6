"""docs/masking.md: every row of its before-and-after tables is run, and its example program too."""

import json
import re
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import UNSET

from policies.keys import PartnerKeys
from policies.technique import Target
from policies.techniques import TECHNIQUES
from tests.house.project import page
from tests.unit.policies.masks import technique

TEXT = page("docs/masking.md")
PLAIN, KEYED = "| technique | type | before | after |", "| technique | field | type | partner | before | after |"


def rows(header: str) -> list[list[str]]:
    """The cells of the one table below this header, without backquotes."""
    assert TEXT.count(header) == 1
    lines = TEXT.split(header)[1].strip().splitlines()[1:]
    table = lines[: next(number for number, line in enumerate([*lines, ""]) if not line.startswith("|"))]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in table]


def disclosed(spec: str, target: Target, keys: PartnerKeys | None, before: str) -> str:
    """What the technique makes of a JSON value, as JSON; or how the page calls that there is nothing."""
    made = technique(yaml.safe_load(spec))
    assert made.unfit(target) is None
    if not made.served:
        return "left out"
    value = json.loads(before) if before.startswith('"') else before
    after: Any = made.masker(target, keys)(value)
    if after is UNSET:
        return "withheld"
    return str(after) if made.unchanged and target.logical_type == "number" else msgspec.json.encode(after).decode()


@pytest.mark.parametrize("row", rows(PLAIN), ids=lambda row: f"{row[0]} {row[2]}")
def test_a_value_comes_out_as_the_page_says(row: list[str]) -> None:
    spec, logical_type, before, after = row
    assert disclosed(spec, Target("field", logical_type), None, before) == after


@pytest.mark.parametrize("row", rows(KEYED), ids=lambda row: f"{row[0]} {row[1]} {row[3]}")
def test_a_value_comes_out_as_the_page_says_for_that_partner(row: list[str]) -> None:
    spec, path, logical_type, partner, before, after = row
    assert disclosed(spec, Target(path, logical_type), PartnerKeys(bytes(32), partner), before) == after


def test_every_technique_is_shown() -> None:
    shown = {re.findall(r"\w+", row[0])[0] for row in [*rows(PLAIN), *rows(KEYED)]}
    assert shown == set(TECHNIQUES)


def test_the_example_that_checks_a_commitment_runs_and_is_about_the_token_in_the_table() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    found: dict[str, Any] = {}
    exec(program, found)  # noqa: S102 - the page's own example
    assert found["token"] in [row[-1].strip('"') for row in rows(KEYED)]
    with pytest.raises(AssertionError):
        exec(program.replace("LSVAA", "LSVAB"), {})  # noqa: S102
