"""What is announced by the real commands is in force in a gateway that serves: headers, OpenAPI, refusals, and back."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gateway.audit.leaf import Authority, Pulse
from gateway.audit.reader import read_as
from tests.flows.backend import backend
from tests.flows.demo import clausegate
from tests.flows.hub import Gateway, Hub, hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
PATH = "/v1/shipments/S-1"
_WAIT_S = 20.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Gateway]]:
    with backend() as source, hub(tmp_path_factory.mktemp("notices"), source.url) as made, made.serving() as gateway:
        yield made, gateway


def read(gateway: Gateway) -> httpx.Response:
    return httpx.get(gateway.url + PATH, headers=dict([gateway.bearer]), timeout=30)


def until(gateway: Gateway, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer that is as it is waited for; what is announced is in force within seconds."""
    deadline = time.monotonic() + _WAIT_S
    while not holds(answer := read(gateway)):
        assert time.monotonic() < deadline, f"{answer.status_code} {dict(answer.headers)}"
    return answer


def deprecation(folder: Path, product: str, version: str) -> Path:
    """A notice that this version ends in half a year, and should not be used from now on."""
    today = datetime.now(UTC).date()
    file = folder / "ends.yaml"
    file.write_text(
        f"notice: ends\nkind: deprecation\ntime_zone: UTC\nproduct: {product}\nversion: {version}\n"
        f"deprecated: {today}\nsunset: {today + timedelta(days=180)}\n"
        "words: {zh: 请改用新版。, en: Use the next version.}\n",
        encoding="utf-8",
    )
    return file


def test_the_end_of_a_version_is_announced_in_every_answer_and_in_openapi(
    served: tuple[Hub, Gateway], tmp_path: Path
) -> None:
    made, gateway = served
    assert "deprecation" not in read(gateway).headers
    published = clausegate("notice", "publish", made.folder, deprecation(tmp_path, "shipments", "2.1.0"))
    assert published.returncode == 0, published.stderr
    answer = until(gateway, lambda found: "deprecation" in found.headers)
    assert answer.status_code == 200
    assert answer.headers["deprecation"].startswith("@")
    assert answer.headers["sunset"].endswith("GMT")
    document = json.loads(clausegate("openapi", made.folder).stdout)
    assert document["paths"]["/v1/shipments"]["get"]["deprecated"] is True
    assert clausegate("notice", "withdraw", made.folder, "ends", "--reason", "it stays").returncode == 0
    until(gateway, lambda found: "deprecation" not in found.headers)


def test_a_suspended_agreement_is_refused_by_its_clause_until_it_goes_on(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    why = ("--reason", "inventory")
    begun = clausegate("suspension", "begin", made.folder, "--agreement", "swift-2026", *why, "--format", "json")
    assert begun.returncode == 0, begun.stderr
    refused = until(gateway, lambda found: found.status_code != 200)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/suspended")
    assert refused.json()["clause"]["agreement"] == "swift-2026"
    ended = clausegate("suspension", "end", made.folder, json.loads(begun.stdout)["id"], *why)
    assert ended.returncode == 0, ended.stderr
    until(gateway, lambda found: found.status_code == 200)
    events = [entry.event for entry in read_as(made.log, Authority)]
    assert events.index("suspension-begun") < events.index("suspension-ended")


def test_a_gateway_that_serves_says_on_the_log_that_it_is_there(served: tuple[Hub, Gateway]) -> None:
    made, _ = served
    assert list(read_as(made.log, Pulse))
