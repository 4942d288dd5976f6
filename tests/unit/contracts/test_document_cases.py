"""The tables of what is wrong with documents (tests/cases/documents.yaml and others), from bytes to findings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.base import Backend
from contracts.compile import compile_and_check
from contracts.finding import Finding, in_order
from contracts.workspace import decode_documents

TABLE = yaml.safe_load((Path(__file__).parents[2] / "cases" / "documents.yaml").read_text())
LIMITING = yaml.safe_load((Path(__file__).parents[2] / "cases" / "limiting-clauses.yaml").read_text())
CASES = TABLE["cases"] + LIMITING["cases"]


def changed(case: Mapping[str, Any]) -> dict[str, str]:
    """The files of the workspace after a case's changes. Every change must change something."""
    files = dict(TABLE["workspace"])
    replacements = case.get("replace", [])
    for change in replacements if isinstance(replacements, list) else [replacements]:
        before = files[change["in"]]
        files[change["in"]] = before.replace(str(change["text"]), str(change["by"]), 1)
        assert files[change["in"]] != before, f"{change['text']!r} is not in {change['in']}"
    for name, content in case.get("file", {}).items():
        files[name] = content if isinstance(content, str) else content["repeat"] * content["times"]
    return files


def findings_of(files: Mapping[str, str]) -> list[Finding]:
    documents, mistakes = decode_documents({name: text.encode() for name, text in files.items()})
    _, meaning = compile_and_check(documents, {"records": Backend()})
    return in_order([*mistakes, *meaning])


def line_of(text: str, fragment: str, nth: int) -> int:
    lines = [number for number, line in enumerate(text.splitlines(), 1) if fragment in line]
    return lines[nth - 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_of_the_table(case: Mapping[str, Any]) -> None:
    files = changed(case)
    found = findings_of(files)
    report = "\n".join(finding.to_text() for finding in found)
    wanted = [(expected["in"], expected["code"]) for expected in case["expect"]]
    assert sorted(wanted) == sorted((finding.file, finding.code) for finding in found), report
    for expected in case["expect"]:
        candidates = [f for f in found if (f.file, f.code) == (expected["in"], expected["code"])]
        if "path" in expected:
            candidates = [finding for finding in candidates if finding.path == expected["path"]]
        if "at" in expected:
            line = line_of(files[expected["in"]], expected["at"], expected.get("nth", 1))
            candidates = [finding for finding in candidates if finding.line == line]
        candidates = [finding for finding in candidates if str(expected.get("says", "")) in finding.message]
        assert candidates, f"{expected} is not among\n{report}"


def test_the_names_of_the_cases_differ() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names))
