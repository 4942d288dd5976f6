"""clausegate webhooks: endpoints, their secrets shown once, what became of deliveries; and one attempt at once."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from standardwebhooks import Webhook
from typer.testing import CliRunner, Result

import gateway.commands.webhooks as command
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.store.store import Store
from gateway.store.webhooks import Deliveries
from gateway.webhooks.notify import Outbox
from gateway.workspace import Workspace
from tests.flows.limited import PARTNER, limited_workspace

URL = "https://hooks.example/in"


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted; answers as its path says."""

    got: list[tuple[dict[str, str], bytes]] = []  # noqa: RUF012 - the one list that tests look at

    def do_POST(self) -> None:
        Hook.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("webhooks") / "workspace"
    made = limited_workspace(folder)
    with (folder / "clausegate.toml").open("a") as settings:
        settings.write('\nwebhook_networks = ["127.0.0.0/8"]\n')
    return made


def run(workspace: Workspace, *arguments: str) -> Result:
    first, *others = arguments
    return CliRunner().invoke(command.app, [first, str(workspace.folder), *others], catch_exceptions=False)


def done(workspace: Workspace, *arguments: str) -> dict[str, Any]:
    ended = run(workspace, *arguments, "--format", "json")
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def tell(workspace: Workspace, event: str, partner: str) -> None:
    async def told() -> None:
        store = await Store.open(workspace.settings.database_url(workspace.folder))
        await Outbox(store).notify(event, partner, {})
        found = await Deliveries(store).latest(1)
        dead = structs.asdict(found[0]) | {"state": "dead", "attempts": 10, "fault": "timeout", "ended_us": 1}
        assert await Deliveries(store).settle(found[0].id, 0, {k: dead[k] for k in ("state", "attempts", "fault")})
        await store.close()

    asyncio.run(told())


def test_endpoints_are_added_listed_rotated_and_removed_and_the_log_says_so(workspace: Workspace) -> None:
    hub = done(workspace, "add", "--url", URL)
    theirs = done(workspace, "add", "--url", URL, "--partner", PARTNER, "--event", "task", "--event", "alert.raised")
    listed = done(workspace, "list")["webhooks"]
    assert [(each["id"], each["partner"], each["events"]) for each in listed] == [
        (hub["id"], None, []),
        (theirs["id"], PARTNER, ["task", "alert.raised"]),
    ]
    text = run(workspace, "list").stdout
    assert all(words in text for words in (hub["id"], "hub", PARTNER, "alert.raised", URL))
    rotated = done(workspace, "rotate", hub["id"])
    assert rotated["secret"] != hub["secret"]
    assert rotated["rotating_until"] is not None
    for each in (hub, theirs):
        assert run(workspace, "remove", each["id"]).exit_code == 0
    assert done(workspace, "list") == {"webhooks": []}
    log = workspace.settings.log_path(workspace.folder)
    found = [(entry.event, entry.subject.split()[1]) for entry in read_as(log, Authority)]
    assert found[:3] == [("webhook-added", "hub"), ("webhook-added", PARTNER), ("webhook-secret-added", "hub")]
    assert hub["secret"] not in run(workspace, "deliveries").output + text


def test_plain_http_is_refused_where_no_network_admits_it(tmp_path: Path) -> None:
    plain = limited_workspace(tmp_path / "workspace")
    ended = run(plain, "add", "--url", "http://127.0.0.1:9/in")
    assert (ended.exit_code, "webhook_networks" in ended.output) == (2, True)
    with (plain.folder / "clausegate.toml").open("a") as settings:
        settings.write('\nwebhook_networks = ["127.0.0.0/8"]\n')
    theirs = run(plain, "add", "--url", "http://127.0.0.1:9/in", "--partner", PARTNER)
    assert (theirs.exit_code, "partner_webhook_networks" in theirs.output) == (2, True)
    assert done(plain, "list") == {"webhooks": []}


def test_an_endpoint_is_tried_out_at_once_with_its_signature(workspace: Workspace, hook: str) -> None:
    good = done(workspace, "add", "--url", f"{hook}/204")
    assert done(workspace, "test", good["id"]) == {"status": 204, "fault": None}
    headers, body = Hook.got[-1]
    assert Webhook(good["secret"]).verify(body, headers)["type"] == "webhook.test"
    bad = done(workspace, "add", "--url", f"{hook}/500")
    ended = run(workspace, "test", bad["id"])
    assert (ended.exit_code, "failed: status (500)" in ended.output) == (1, True)
    for each in (good, bad):
        run(workspace, "remove", each["id"])


def test_what_is_dead_is_listed_and_replayed(workspace: Workspace) -> None:
    made = done(workspace, "add", "--url", URL, "--partner", PARTNER)
    tell(workspace, "task.created", PARTNER)
    (dead,) = done(workspace, "deliveries", "--endpoint", made["id"], "--state", "dead")["deliveries"]
    assert "failed: timeout" in run(workspace, "deliveries").stdout
    assert "1 of 1 to be delivered again" in run(workspace, "replay", dead["id"]).stdout
    again = run(workspace, "replay", dead["id"])
    assert (again.exit_code, "waiting to be delivered" in again.output) == (2, True)
    assert "0 of 0" in run(workspace, "replay", "dead", "--endpoint", made["id"]).stdout
    run(workspace, "remove", made["id"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "--url", "ftp://a"), "--url"),
        (("add", "--url", URL, "--event", "task.exploded"), "--event"),
        (("add", "--url", URL, "--partner", "nobody"), "there is no partner nobody"),
        (("remove", "w-none"), "there is no endpoint w-none"),
        (("replay", "d-none"), "there is no delivery d-none"),
    ],
)
def test_a_mistake_is_one_line(workspace: Workspace, arguments: tuple[str, ...], words: str) -> None:
    ended = run(workspace, *arguments)
    assert (ended.exit_code, words in ended.output) == (2, True), ended.output
