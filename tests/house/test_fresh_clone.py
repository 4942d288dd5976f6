"""Straight after a clone, with nothing but what the README asks for: `make demo` works."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.project import ROOT

KEPT = ("PIP_", "SSL_", "HTTP", "NO_PROXY", "http", "no_proxy", "REQUESTS_CA")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_fresh_clone_sets_itself_up_and_does_the_main_job(tmp_path: Path) -> None:
    clone = tmp_path / "clausegate"
    done = subprocess.run(["git", "clone", "--quiet", ROOT, clone], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    python = shutil.which("python3", path="/usr/bin") or shutil.which("python3") or ""
    environment |= {"PATH": f"{Path(python).parent}:/usr/bin:/bin", "HOME": str(home)}
    demo = subprocess.run(
        ["make", "demo", "ARGS=--once"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert demo.returncode == 0, demo.stdout[-3000:] + demo.stderr[-3000:]
    assert "ready http://127.0.0.1:" in demo.stdout
    assert subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, check=True).stdout == b""
