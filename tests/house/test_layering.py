"""The import rule holds, and every module is there for a reason."""

import subprocess
import sys
from pathlib import Path

from tests.house.checks.modules import unreachable
from tests.house.project import ROOT, modules

ROOTS = ("gateway.app", "gateway.cli", "gateway.store.migrations.env")
"""Where execution begins: the application, its command line, and the script that Alembic runs."""
DISCOVERED = (
    *("adapters", "policies.kinds", "policies.techniques"),
    *("gateway.health.dimensions", "gateway.scraping.detectors"),
)
"""Packages whose modules are found by walking the folder."""


def test_the_import_rule_holds() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_is_reached_from_the_application_or_its_command_line() -> None:
    sources = modules()
    assert set(ROOTS) <= set(sources)
    assert unreachable(sources, ROOTS, DISCOVERED) == []
