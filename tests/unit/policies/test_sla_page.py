"""docs/sla.md: each of its examples is settled again, and its tables of parameters are those of the code."""

import json
import re
from typing import Any

import msgspec
import pytest
import yaml

from docs.generate import field_docs, page_tables
from gateway.commands.settle import answer
from policies.kinds import KINDS
from policies.kinds.availability import Availability
from policies.kinds.error_rate import ErrorRate
from policies.kinds.response_time import ResponseTime
from policies.settling.credit import Band, Credit
from policies.settling.decoding import facts_of
from policies.settling.facts import FactFault, Facts
from policies.settling.promise import Promise
from policies.settling.traffic import TrafficPromise
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "sla.md").read_text(encoding="utf-8")
DOCUMENTED = (Promise, TrafficPromise, Availability, ErrorRate, ResponseTime, Credit, Band)


def examples() -> list[tuple[str, ...]]:
    """Of each rule: its title, the clause, the facts, the table of the answer, and the explanation in each language."""
    found: list[tuple[str, ...]] = []
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        _, _, rest = section.partition("```yaml\n")
        if not rest:
            continue
        clause, _, rest = rest.partition("```\n\n```json\n")
        facts, _, rest = rest.partition("```\n\n")
        table, _, rest = rest.partition("\n\n> ")
        english, _, rest = rest.partition("\n>\n> ")
        chinese, _, _ = rest.partition("\n")
        found.append((title, clause, facts, table, english, chinese))
    return found


EXAMPLES = examples()


def merged(clause: dict[str, Any]) -> dict[str, Any]:
    """The clause of the first example with the lines of another, without what another kind does not have."""
    base = yaml.safe_load(EXAMPLES[0][1])
    fields = {field.encode_name for field in msgspec.structs.fields(KINDS[clause.get("kind", base["kind"])])}
    return {name: value for name, value in (base | clause).items() if name in fields or name == "kind"}


def settled(clause_text: str, facts_text: str) -> dict[str, Any]:
    values = merged(yaml.safe_load(clause_text)) | {"id": "5.1", "text": {}}
    clause = msgspec.convert(values, KINDS[values["kind"]])
    assert isinstance(clause, Promise)
    assert clause.faults() == []
    given = json.loads(EXAMPLES[0][2]) | json.loads(facts_text)
    facts = facts_of(json.dumps(given).encode())
    assert isinstance(facts, Facts), facts
    found = clause.settle(facts)
    assert not isinstance(found, FactFault), found
    return answer(found)


def test_every_rule_has_its_example() -> None:
    rules = re.findall(r"^### (.+ / .+)$", PAGE, re.MULTILINE)
    assert [title for title, *_ in EXAMPLES] == rules
    assert len(rules) >= 22


@pytest.mark.parametrize("example", EXAMPLES, ids=[title.split(" / ")[0] for title, *_ in EXAMPLES])
def test_an_example_comes_to_what_the_page_says(example: tuple[str, ...]) -> None:
    _, clause, facts, table, english, chinese = example
    header, _, row = table.splitlines()
    names, values = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in (header, row))
    found = settled(clause, facts)
    assert values == ["–" if found[name] is None else found[name] for name in names]
    assert (english, chinese) == (found["explanation"]["en"], found["explanation"]["zh"])


def test_the_tables_of_parameters_are_those_of_the_code() -> None:
    block = PAGE.split("<!-- parameters: generated -->\n")[1].split("\n<!-- end -->")[0]
    assert block.strip() == page_tables(DOCUMENTED).strip()
    for kind in DOCUMENTED:
        assert all(field_docs(kind).get(name) for name in kind.__struct_fields__), kind


def test_every_fact_has_its_row() -> None:
    rows = PAGE.split("| fact | needed by | meaning |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in rows.splitlines()[1:] if line)))
    assert {field.encode_name for field in msgspec.structs.fields(Facts)} - {"currency"} == named
