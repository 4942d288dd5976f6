"""Every Python file of the project keeps the house style."""

from pathlib import Path

import pytest

from tests.house.checks import sources
from tests.house.project import CODE, PACKAGES, ROOT, python_files

LONG_FUNCTIONS: dict[str, dict[str, str]] = {}
"""File -> function -> the reason why no screen shows it whole."""


def faults_in(files: list[Path], check: sources.Check) -> list[str]:
    return [f"{path.relative_to(ROOT)}: {fault}" for path in files for fault in check(path.read_text())]


@pytest.mark.parametrize(
    "check",
    [sources.no_purpose, sources.too_long, sources.blanket_ignores, sources.unfinished, sources.machine_paths],
    ids=lambda check: check.__name__,
)
def test_every_python_file_keeps_the_style(check: sources.Check) -> None:
    # test_the_checks.py holds the bad examples; an empty __init__.py only says that a folder of tests is a package
    files = [path for path in python_files(*CODE) if path.name != "test_the_checks.py" and path.stat().st_size]
    assert files
    assert faults_in(files, check) == []


def test_every_function_fits_a_screen() -> None:
    faults = []
    for path in python_files(*CODE):
        name = str(path.relative_to(ROOT))
        found = sources.long_functions(path.read_text(), LONG_FUNCTIONS.get(name))
        faults += [f"{name}: {fault}" for fault in found]
    assert faults == []


def test_every_folder_of_tests_is_a_package_so_that_files_of_one_name_do_not_hide_each_other() -> None:
    folders = {path.parent for path in python_files("tests")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_there_is_code_to_check() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in python_files(*PACKAGES)} == set(PACKAGES)
