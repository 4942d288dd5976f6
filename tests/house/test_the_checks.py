"""The house checks are checked: each is shown a fault and has to find it, and something sound and has to be silent."""

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from deploy import lock
from tests.house.checks import commands, documents, modules, settings, sources

SOUND = '"""Does one thing."""\n\nVALUE = 1  # because\n'


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (sources.no_purpose, "import os\n"),
        (sources.no_purpose, "# comment\n" + SOUND),
        (sources.no_purpose, '"""\nToo late."""\n'),
        (sources.no_purpose, ""),
        (sources.too_long, SOUND * 200),
        (sources.long_functions, "def f():\n" + "    x = 1\n" * 60),
        (sources.long_functions, "class C:\n    async def f(self):\n" + "        x = 1\n" * 60),
        (sources.blanket_ignores, "x = 1  # type: ignore\n"),
        (sources.blanket_ignores, "x = 1  # noqa\n"),
        (sources.blanket_ignores, "x = 1  # noqa: because\n"),
        (sources.blanket_ignores, "# ruff: noqa\n"),
        (sources.blanket_ignores, "# mypy: ignore-errors\n"),
        (sources.unfinished, "x = 1  # TODO: finish\n"),
        (sources.unfinished, "# FIXME later\n"),
        (sources.machine_paths, 'X = "/home/somebody/data"\n'),
    ],
)
def test_a_fault_in_a_source_file_is_found(check: sources.Check, fault: str) -> None:
    assert len(check(fault)) == 1


@pytest.mark.parametrize(
    "check",
    [
        sources.no_purpose,
        sources.too_long,
        sources.long_functions,
        sources.blanket_ignores,
        sources.unfinished,
        sources.machine_paths,
    ],
)
def test_a_sound_source_file_is_left_in_peace(check: sources.Check) -> None:
    sound = SOUND + "y: int = f()  # type: ignore[misc]  # noqa: S101 - why\n"
    assert check(sound) == []


def test_a_long_function_may_have_a_reason() -> None:
    assert sources.long_functions("def f():\n" + "    x = 1\n" * 60, {"f": "a table"}) == []


class Undecided(Struct):
    """Two settings, each with one fault."""

    port: Annotated[int, Meta(description="Where to listen.")]
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"


def test_a_setting_without_default_or_explanation_is_found() -> None:
    assert settings.undocumented(Undecided) == ["`port` has no default", "`host` has no line of documentation"]


def test_a_module_that_nothing_leads_to_is_found() -> None:
    tree = {
        "gateway": "",
        "gateway.app": "from gateway.used import thing\nfrom . import near\nRUN = 'gateway.process'",
        "gateway.used": "def f():\n    import gateway.late",
        "gateway.late": "",
        "gateway.near": "",
        "gateway.process": "",
        "gateway.dead": "import gateway.also_dead",
        "gateway.also_dead": "import gateway.dead",
        "gateway.kinds": "",
        "gateway.kinds.found": "from ..helped import value",
        "gateway.helped": "",
    }
    assert modules.unreachable(tree, ["gateway.app"], []) == [
        "gateway.also_dead",
        "gateway.dead",
        "gateway.helped",
        "gateway.kinds",
        "gateway.kinds.found",
    ]
    tree["gateway.app"] += "\nimport gateway.kinds"
    assert modules.unreachable(tree, ["gateway.app"], ["gateway.kinds"]) == ["gateway.also_dead", "gateway.dead"]


PAGE = """# Kinds

## `rate_limit`: how often

Parameters `limit` and `per: partner`.

```
## `no_heading`
```

## Other

Words.

## `purpose`
"""


def test_sections_are_read_and_compared() -> None:
    found = documents.sections(PAGE)
    assert set(found) == {"rate_limit", "purpose"}
    assert documents.differences(found, ["rate_limit", "availability"]) == [
        "`purpose` is documented and does not exist",
        "`availability` is not documented",
    ]
    assert documents.empty(found) == ["`purpose` has a heading and no text"]
    assert documents.unmentioned(found, {"rate_limit": ["limit", "per", "burst"]}) == [
        "`rate_limit` does not explain `burst`"
    ]


def test_tables_are_read_by_their_first_column() -> None:
    table = "| a | b |\n|---|---|\n| one | 1 |\n| two | |\n"
    assert documents.first_column(f"{table}\ntext\n\n{table}") == ["one", "two", "one", "two"]
    assert documents.empty_cells(table) == ["line 4: | two | |"]


def test_requirements_are_read_by_name() -> None:
    given = [
        "alembic>=1.20",
        "sqlalchemy[asyncio]>=2.1",
        "uvicorn==0.54.0",
        "tzdata; sys_platform == 'win32'",
        "x ~= 1",
    ]
    assert documents.requirement_names(given) == ["alembic", "sqlalchemy", "uvicorn", "tzdata", "x"]


PYPROJECT = b"""
[build-system]
requires = ["hatchling==1"]
[project]
requires-python = ">=3.11"
dependencies = ["a>=1"]
[project.optional-dependencies]
dev = ["b"]
"""


def test_a_lock_is_stale_once_a_declaration_changes_and_only_then() -> None:
    text = f"{lock.PREFIX}{lock.fingerprint(PYPROJECT)}\na==1 --hash=sha256:0\n"
    assert not lock.stale(PYPROJECT, text)
    assert not lock.stale(PYPROJECT + b"# a comment\n[tool.ruff]\nline-length = 120\n", text)
    assert lock.stale(PYPROJECT.replace(b"a>=1", b"a>=2"), text)
    assert lock.stale(PYPROJECT.replace(b'["b"]', b'["b", "c"]'), text)
    assert lock.stale(PYPROJECT, "a==1 --hash=sha256:0\n")


README = """
<!-- run -->
```sh
NAME=partner
echo "hello $NAME at 12:30"
```

```text
hello partner at ...
```

<!-- start: ready -->
```sh
echo "$NAME is ready"; exec sleep 60
```

<!-- run -->
```sh
test -n "$NAME"
```

<!-- not run: it would publish -->
```sh
exit 1
```
"""


def test_commands_run_in_one_shell_as_a_reader_would_type_them(tmp_path: Path) -> None:
    found = commands.blocks(README)
    assert [block.action for block in found] == ["run", "start", "run", "not run"]
    assert commands.badly_marked(found) == []
    assert commands.run(found, tmp_path, {}, timeout_s=20) == []


def test_a_command_that_fails_is_found(tmp_path: Path) -> None:
    found = commands.blocks(README.replace("test -n", "test -z"))
    assert [fault[:6] for fault in commands.run(found, tmp_path, {}, timeout_s=20)] == ["exit 1"]


def test_a_promise_that_is_not_kept_is_found(tmp_path: Path) -> None:
    found = commands.blocks(README.replace("hello partner at ...", "goodbye ..."))
    faults = commands.run(found, tmp_path, {}, timeout_s=20)
    assert len(faults) == 1
    assert faults[0].endswith("goodbye ...")


def test_a_command_that_hangs_is_found_and_ended(tmp_path: Path) -> None:
    found = commands.blocks("<!-- run -->\n```sh\nsleep 60\n```\n")
    assert [fault[:14] for fault in commands.run(found, tmp_path, {}, timeout_s=1)] == ["not done after"]


def test_what_ends_before_it_is_ready_is_found_at_once(tmp_path: Path) -> None:
    found = commands.blocks("<!-- start: ready -->\n```sh\necho no port left; exit 3\n```\n")
    faults = commands.run(found, tmp_path, {}, timeout_s=20)
    assert len(faults) == 1
    assert "no port left" in faults[0]


def test_a_block_without_a_mark_or_a_reason_is_found() -> None:
    found = commands.blocks("```sh\nmake demo\n```\n\n<!-- not run -->\n```sh\nmake bench\n```\n")
    assert commands.badly_marked(found) == ["no mark before: make demo", "`not run` needs words, before: make bench"]
