"""README.md names every test of this folder, and no test that there is not."""

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent


def test_the_page_names_each_test_and_no_other() -> None:
    there = {
        node.name
        for file in FOLDER.glob("test_*.py")
        if file != Path(__file__)
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    named = re.findall(r"`(test_\w+)`", (FOLDER / "README.md").read_text("utf-8"))
    assert set(named) == there
