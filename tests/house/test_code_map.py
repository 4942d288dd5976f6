"""The code map names only what is there."""

import re

from tests.house.project import ROOT, page


def test_every_path_on_the_code_map_exists() -> None:
    named = set(re.findall(r"`([\w./-]+/[\w./-]*)`", page("docs/architecture.md")))
    assert len(named) > 40
    assert [path for path in sorted(named) if not any((base / path).exists() for base in (ROOT, ROOT / "tests"))] == []


def test_every_package_is_on_the_code_map() -> None:
    text = page("docs/architecture.md")
    folders = {f"{file.parent.relative_to(ROOT)}/" for file in (ROOT / "gateway").glob("*/__init__.py")}
    assert [folder for folder in sorted(folders) if f"`{folder}`" not in text] == []
