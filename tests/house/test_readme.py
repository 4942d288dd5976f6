"""The commands of the README are executed as written, in a copy of the project, and print what it says they print."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checks import commands
from tests.house.project import ROOT, page


def test_every_command_block_is_run_or_says_why_not() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        found = commands.blocks(page(name))
        assert found, f"{name} shows no command"
        assert commands.badly_marked(found) == []


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = (commands.blocks(page(name)) for name in ("README.md", "README.zh-CN.md"))
    assert [block.commands for block in english] == [block.commands for block in chinese]


def copy_of_the_project(folder: Path) -> Path:
    """The files that git knows or would add: what a clone of this state would hold."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("this is no git checkout")
    copy = folder / "clausegate"
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.mark.timeout(420)
def test_the_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    copy = copy_of_the_project(tmp_path)
    binaries = Path(sys.executable).parent
    environment = {"VENV": str(binaries.parent), "NO_SETUP": "1", "PYTHONPATH": str(copy)}
    environment["PATH"] = f"{binaries}:/usr/local/bin:/usr/bin:/bin"
    found = commands.blocks(page("README.md"))
    assert commands.run(found, copy, environment, timeout_s=400) == []
