"""`make` alone teaches every command there is, and pages name no command that there is not."""

import re
import subprocess

import pytest

from tests.house.project import ROOT, page

TARGETS = set(page("Makefile").partition(".PHONY: ")[2].partition("\n")[0].split())


def test_make_alone_lists_every_command_with_what_it_does() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^  make ([a-z-]+) {2,}(\S.*)$", done.stdout, re.MULTILINE))
    assert set(listed) == TARGETS


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", ".ci/run", "bench/README.md", "docs/dependencies.md"])
def test_pages_name_only_make_commands_that_exist(name: str) -> None:
    named = set(re.findall(r"(?:^|`)make (?:--[a-z-]+ )*([a-z-]+)", page(name), re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize(("shell", "script"), [("bash", ".ci/run"), ("sh", "deploy/find-python")])
def test_scripts_are_executable_and_parse(shell: str, script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111
    assert subprocess.run([shell, "-n", ROOT / script], check=False).returncode == 0
