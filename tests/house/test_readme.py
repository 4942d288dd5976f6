"""The commands of the README are executed as written, in a copy of the project, and print what it says they print."""

import re
import shutil
import socket
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


def skip_if_taken(port: int) -> None:
    """The commands name a port, as a reader types them: on a machine where it is in use they cannot be tried."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            pytest.skip(f"something else listens on port {port} of this machine")


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_commands_of_the_readme_do_what_it_says(tmp_path: Path) -> None:
    copy = copy_of_the_project(tmp_path)
    (copy / ".venv").symlink_to(Path(sys.executable).parent.parent)
    found = commands.blocks(page("README.md"))
    for port in {int(port) for block in found for port in re.findall(r"127\.0\.0\.1:(\d+)", block.commands)}:
        skip_if_taken(port)
    # what a make around this one was told is not for those of the reader
    environment = {"NO_SETUP": "1", "PYTHONPATH": str(copy), "MAKEFLAGS": "", "ARGS": ""}
    assert commands.run(found, copy, environment, timeout_s=400) == []
