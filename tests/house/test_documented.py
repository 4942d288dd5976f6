"""The pages and the code speak of the same things: settings, clause kinds, techniques, problems, commands, packages."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from contracts.finding import CODES
from deploy import lock
from docs import generate
from gateway.problems import PROBLEMS
from gateway.settings import Settings
from policies.clause import Clause
from policies.kinds import KINDS
from policies.techniques import TECHNIQUES
from tests.house.checks import documents, settings
from tests.house.project import ROOT, page


def test_every_setting_has_a_default_and_a_line_of_documentation() -> None:
    assert settings.undocumented(Settings) == []


def test_the_page_of_settings_says_what_the_code_says() -> None:
    rows = {row for row in page("docs/settings.md").splitlines() if row.startswith("| `")}
    lines = settings.described(Settings)
    defaults = {name: json.dumps(getattr(Settings(), name)) for name in lines}
    assert rows == {f"| `{name}` | `{defaults[name]}` | {line} |" for name, line in lines.items()}


@pytest.mark.parametrize("registered", [KINDS, TECHNIQUES], ids=["clause kinds", "techniques"])
def test_every_clause_kind_and_technique_explains_itself(registered: dict[str, type]) -> None:
    assert [name for name, kind in registered.items() if not (kind.__dict__.get("__doc__") or "").strip()] == []


def test_the_page_of_clause_kinds_explains_each_with_all_its_parameters() -> None:
    found = documents.sections(page("docs/clauses.md"))
    own = {name: set(kind.__struct_encode_fields__) - set(Clause.__struct_fields__) for name, kind in KINDS.items()}
    assert documents.differences(found, KINDS) == []
    assert documents.unmentioned(found, own) == []


def test_the_page_of_techniques_explains_each_with_all_its_parameters() -> None:
    found = documents.sections(page("docs/techniques.md"))
    assert documents.differences(found, TECHNIQUES) == []
    assert documents.empty(found) == []
    assert documents.unmentioned(found, {name: kind.__struct_fields__ for name, kind in TECHNIQUES.items()}) == []


def test_every_problem_code_has_its_section() -> None:
    found = documents.sections(page("docs/problems.md"))
    assert documents.differences(found, PROBLEMS) == []
    for code, problem in PROBLEMS.items():
        said = [str(problem.status), *problem.title.values(), *problem.advice.values()]
        assert [words for words in said if words not in found[code]] == [], code


def test_every_finding_code_says_why_and_how_to_mend_it() -> None:
    found = documents.sections(page("docs/findings.md"))
    assert documents.differences(found, CODES) == []
    for code, text in found.items():
        assert re.search(r"^- Example: `.+`$", text, re.MULTILINE), code
        assert re.search(r"^- Fix: .+\.$", text, re.MULTILINE), code
        assert re.match(r"\n[^-|\n].+\.\n", text), f"{code} does not say why"


def test_every_field_of_a_document_says_what_it_is() -> None:
    assert generate.undocumented() == []


def test_the_page_of_documents_is_made_from_the_code() -> None:
    text = page("docs/documents.md")
    assert generate.page(text) == text, "run `python -m docs.generate`"
    for name in generate.DOCUMENTS:
        assert f"<!-- {name}: generated -->" in text


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, subcommands included (`client add`), as typer's own click command object."""
    from gateway.cli import app

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        for child, below in (children or {}).items():
            yield from walk(below, f"{name} {child}".strip())

    yield from walk(typer.main.get_command(app), "")


def test_every_command_has_help_and_its_section() -> None:
    real = dict(commands())
    assert [name for name, command in real.items() if not (command.help or "").strip()] == []
    found = documents.sections(page("docs/cli.md"))
    assert documents.differences(found, [f"clausegate {name}" for name in real]) == []
    assert documents.empty(found) == []


def test_every_option_has_help_and_is_explained() -> None:
    found = documents.sections(page("docs/cli.md"))
    silent, wanted = [], {}
    for name, command in commands():
        options = [option for option in command.params if option.param_type_name == "option" and option.name != "help"]
        silent += [f"{name} {option.opts[0]}" for option in options if not option.help]
        wanted[f"clausegate {name}"] = [option.opts[0].lstrip("-") for option in options]
    assert silent == []
    assert documents.unmentioned(found, wanted) == []


def test_every_dependency_has_earned_its_line_and_no_other_has_one() -> None:
    text = page("docs/dependencies.md")
    declared = lock.declarations((ROOT / "pyproject.toml").read_bytes())
    wanted = [name for part in ("dependencies", "dev", "build") for name in documents.requirement_names(declared[part])]
    assert documents.differences(documents.first_column(text), wanted) == []
    assert documents.empty_cells(text) == []


@pytest.mark.parametrize("name", [lock.RUN_LOCK, lock.DEV_LOCK])
def test_the_locks_were_made_from_this_pyproject(name: str) -> None:
    assert not lock.stale((ROOT / "pyproject.toml").read_bytes(), page(name)), "run `make lock` and commit the locks"


def test_both_locks_hold_the_same_versions() -> None:
    run, dev = (
        {line.split(" \\")[0] for line in page(name).splitlines() if "==" in line and line[0].isalnum()}
        for name in (lock.RUN_LOCK, lock.DEV_LOCK)
    )
    assert run <= dev


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    version = tomllib.loads(page("pyproject.toml"))["project"]["version"]
    text = page("CHANGELOG.md")
    assert "## Unreleased" in text or f"## {version}" in text


LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def test_every_link_between_pages_leads_somewhere() -> None:
    # What a demo or an environment left in the folder is not ours to look after.
    left = {"demo-data", "node_modules"}
    pages = [
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") or part in left for part in path.relative_to(ROOT).parts)
    ]
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in pages
        for target in LINK.findall(path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []
