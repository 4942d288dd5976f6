"""The page on backends explains every kind with all its fields, and its example is read as it stands."""

import re
from pathlib import Path

from adapters.base import Backend
from adapters.registry import KINDS, read_backends
from tests.conftest import ROOT

PAGE = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")


def fields_in(section: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_every_kind_has_its_section_with_all_its_fields() -> None:
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))
    common = set(Backend.__struct_fields__)
    assert sections.keys() == KINDS.keys()
    for name, kind in KINDS.items():
        assert fields_in(sections[name]) == set(kind.__struct_fields__) - common, name
    assert fields_in(PAGE.partition("## ")[0]) == {"kind", *common}


def test_the_examples_are_read_as_they_stand() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        backends, faults = read_backends(example, Path("/workspace"), {"ERP_TOKEN": "t", "WAREHOUSE_PASSWORD": "p"})
        assert faults == []
        assert backends
