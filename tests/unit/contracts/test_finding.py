"""Findings: their text, their order, and that each code is documented."""

import ast
import re
from pathlib import Path

from contracts.finding import CODES, Finding, errors, in_order, path_text

ROOT = Path(__file__).parents[3]


def test_a_finding_reads_as_a_place_and_a_message() -> None:
    finding = Finding("bad-value", "too small", "policies/a.yaml", 7, "clauses[0].limit")
    assert finding.to_text() == "policies/a.yaml:7: clauses[0].limit: too small [bad-value]"
    whole = Finding("file-ignored", "not read", "b.yml", 1, severity="warning")
    assert whole.to_text() == "b.yml:1: warning: not read [file-ignored]"


def test_findings_come_by_file_and_line_and_each_once() -> None:
    one, two, three = (Finding("bad-value", "x", file, line) for file, line in (("b", 1), ("a", 10), ("a", 9)))
    assert in_order([one, two, three, one]) == [three, two, one]


def test_a_warning_is_no_error() -> None:
    warning = Finding("file-ignored", "x", "a", 1, severity="warning")
    error = Finding("bad-value", "x", "a", 1)
    assert errors([warning, error]) == [error]


def test_a_path_quotes_keys_that_are_no_plain_words() -> None:
    assert path_text(()) == ""
    assert path_text(("clauses", 0, "limit")) == "clauses[0].limit"
    assert path_text(("fields", "customer.name", "keep_first")) == 'fields["customer.name"].keep_first'
    assert path_text(("4.1",)) == '["4.1"]'
    assert "\n" not in path_text(('a"\n\x1b[31m',))


def test_every_code_is_documented_with_its_meaning() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE)
    assert dict(rows) == dict(CODES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in CODES)


MAKERS = ("Finding", "Mistake", "finding")


def codes_used(tree: ast.AST) -> set[str]:
    """The literal codes that a module gives to a finding or a mistake."""
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", getattr(call.func, "id", "")) in MAKERS
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_every_code_that_is_used_is_in_the_table() -> None:
    assert codes_used(ast.parse("source.finding('zzz', '')\nFinding(code, '')")) == {"zzz"}
    for folder in ("contracts", "gateway"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = file.read_text()
            # A file that names no maker calls none: parsing the other nine tenths would take a second.
            unknown = codes_used(ast.parse(text)) - set(CODES) if any(maker in text for maker in MAKERS) else set()
            assert not unknown, f"{file.name}: {unknown}"
