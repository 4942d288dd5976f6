"""The console's own files: the right type, cached for good under their version, and nothing else reachable."""

import hashlib
import re
from pathlib import Path

import pytest
from litestar.testing import TestClient

from gateway.console.static_files import StaticFiles
from tests.unit.console.house import Page, house
from tests.unit.sla.hub import plans_of

VENDOR = Path(__file__).parents[3] / "gateway" / "console" / "static" / "vendor"
PLANS = plans_of()


def test_every_file_that_a_page_names_is_there_with_its_type_and_cached_for_good() -> None:
    types = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    with TestClient(house(PLANS).app) as client:
        tags = Page(client.get("/console/login").text).tags
        named = {
            str(said[name]) for _, said in tags for name in ("src", "href") if "/static/" in str(said.get(name, ""))
        }
        assert len(named) == 4
        for url in named:
            answer = client.get(url)
            suffix = url.partition("?")[0].rpartition(".")[2]
            assert answer.headers["content-type"].partition(";")[0] == types[suffix]
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            again = client.get(url, headers={"if-none-match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


def test_a_file_without_its_version_is_checked_each_time() -> None:
    with TestClient(house(PLANS).app) as client:
        assert client.get("/console/static/console.css").headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize("path", ["../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "vendor", "vendor/README.md", ""])
def test_nothing_else_can_be_fetched(path: str) -> None:
    with TestClient(house(PLANS).app) as client:
        assert client.get(f"/console/static/{path}").status_code == 404


def test_vendored_files_are_those_that_the_readme_names() -> None:
    said = dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (VENDOR / "README.md").read_text(), re.MULTILINE))
    present = {path.name for path in VENDOR.iterdir()} - {"README.md"}
    assert set(said) == present
    for name, digest in said.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest


def test_a_files_url_changes_with_its_content() -> None:
    files = StaticFiles()
    found = files.find("console.css")
    assert found is not None
    assert files.url("console.css").endswith(hashlib.sha256(found.body).hexdigest()[:16])
