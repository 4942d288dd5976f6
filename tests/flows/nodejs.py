"""Programs of partners in Node, with libraries from npm that are not ours."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_SOURCES = Path(__file__).resolve().parent / "node"
_NODE_AT_LEAST = 20  # what openid-client runs on
_PATIENCE_S = 120


class Node:
    """A folder outside the tree with the scripts and what they import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def runs(self, script: str, environment: Mapping[str, str], cwd: Path | None = None) -> str:
        """What a script of this folder prints; it has to end well."""
        ended = subprocess.run(
            ["node", str(self.folder / script)],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def tells(self, script: str, given: dict[str, str], **environment: str) -> Any:
        """What it says as JSON of what it was given."""
        return json.loads(self.runs(script, {**environment, "GIVEN": json.dumps(given)}))


def node_with_libraries(folder: Path) -> Node:
    """The libraries as the lock has them, none of their scripts run. Skips where they cannot be had, never under CI."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _cannot("node or npm is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").partition(".")[0]) < _NODE_AT_LEAST:
        _cannot(f"node {version.strip()} is older than {_NODE_AT_LEAST}")
    for source in _SOURCES.iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    try:
        ended = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _cannot("npm does not come to an end")
    if ended.returncode != 0:
        _cannot(f"npm cannot install: {ended.stderr[-300:]}")
    return Node(folder)


def _cannot(why: str) -> Any:
    if os.environ.get("CI"):
        pytest.fail(f"no clients in Node: {why}")
    pytest.skip(f"no clients in Node here: {why}")
