"""An operator sees what a partner has left, grants more for a while, and the log tells both."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from tests.flows.backend import backend
from tests.flows.demo import clausegate, until
from tests.flows.hub import CLIENT, Gateway, Hub, hub
from tests.flows.limited import AGREEMENT, CLAUSES, PARTNER, POLICY

LIST = "/v1/shipments"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Gateway]]:
    folder = tmp_path_factory.mktemp("limits")
    with backend() as source, hub(folder, source.url) as made:
        with (made.folder / POLICY).open("a", encoding="utf-8") as policy:
            policy.write(CLAUSES)
        with made.serving() as gateway:
            yield made, gateway


def call(gateway: Gateway) -> httpx.Response:
    return httpx.get(gateway.url + LIST, headers=dict([gateway.bearer]), timeout=30)


def done(*arguments: object) -> str:
    ended = clausegate(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def limits(made: Hub) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("limits", made.folder, "--partner", PARTNER, "--format", "json"))
    return found


def quota(shown: dict[str, Any]) -> tuple[int, int, int]:
    """(used, limit, left) of clause 4.2."""
    (row,) = [row for row in shown["limits"] if row["clause"] == "4.2"]
    assert (row["counter"], row["kind"], row["unit"], row["period"]) == (CLIENT, "quota", "calls", "day")
    return row["used"], row["limit"], row["left"]


def recorded(made: Hub, event: str) -> list[str]:
    """The subjects of the events of one sort on the log."""
    return [entry.subject for entry in read_as(made.log, Authority) if entry.event == event]


def grant(made: Hub, extra: int, until: str, reason: str = "a campaign") -> str:
    asked = ("--partner", PARTNER, "--clause", "4.2", "--extra", extra, "--until", until, "--reason", reason)
    granted: str = json.loads(done("limits", "grant", made.folder, *asked, "--format", "json"))["id"]
    return granted


def use_up(gateway: Gateway) -> None:
    assert [call(gateway).status_code for _ in range(5)] == [200] * 5
    answer = call(gateway)
    assert (answer.status_code, answer.json()["clause"]["id"]) == (429, "4.2")


def test_what_is_used_up_is_granted_revoked_and_refused_again(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    use_up(gateway)
    name = grant(made, 3, "PT2H", reason="campaign with canary")
    until(lambda: call(gateway).status_code == 200)
    assert [call(gateway).status_code for _ in range(3)] == [200, 200, 429]
    shown = limits(made)
    assert quota(shown) == (8, 8, 0)
    (open_one,) = shown["allowances"]
    assert (open_one["id"], open_one["extra"], open_one["reason"]) == (name, 3, "campaign with canary")
    done("limits", "revoke", made.folder, name)
    after = limits(made)
    assert (after["allowances"], quota(after)) == ([], (5, 5, 0))
    assert call(gateway).status_code == 429
    rows = list(csv.DictReader(io.StringIO(done("log", made.folder, "--format", "csv", "--type", "authority"))))
    told = [(row["event"], row["partner"], row["subject"]) for row in rows if row["event"].startswith("allowance-")]
    assert told[0][2].startswith(f"{name} {AGREEMENT} 4.2 +3 until 20")
    assert told[1] == ("allowance-ended", PARTNER, f"{name} {AGREEMENT} 4.2 revoked")
    assert not any("canary" in word for row in rows for word in row.values())
    assert json.loads(done("verify", made.folder, "--format", "json"))["intact"]


def test_an_allowance_ends_by_itself_on_the_record_once(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    use_up(gateway)
    name = grant(made, 100_000, "PT6S")
    until(lambda: call(gateway).status_code == 200)
    until(lambda: call(gateway).status_code == 429)
    until(lambda: recorded(made, "allowance-ended") != [])
    assert recorded(made, "allowance-ended") == [f"{name} {AGREEMENT} 4.2 expired"]


def test_a_gateway_that_starts_again_knows_what_is_granted_and_what_is_used(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    use_up(gateway)
    grant(made, 2, "PT2H")
    gateway.process.end(15)
    with made.serving() as again:
        assert [call(again).status_code for _ in range(3)] == [200, 200, 429]
    shown = limits(made)
    assert quota(shown) == (7, 7, 0)
    assert shown["source"] == "log"
    assert {row["clause"]: row["used"] for row in shown["limits"]} == {"4.1": 7, "4.2": 7, "4.3": None}
