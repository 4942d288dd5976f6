"""The hub gives a partner a task, and the partner is told by a webhook that the library of the standard verifies; a
receiver that was away gets it later, and a task that nobody does is overdue, while the gateway serves."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from tests.flows.backend import backend
from tests.flows.demo import clausegate, until
from tests.flows.hub import Gateway, hub


class Posted:
    """A partner's receiver of webhooks: what was posted to it, and how it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """Everything that arrived, each verified."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.got]


@contextmanager
def receiving() -> Iterator[Posted]:
    posted = Posted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.got.append((dict(self.headers), body))
            self.send_response(posted.statuses.pop(0) if posted.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    posted.url = f"http://127.0.0.1:{server.server_port}/in"
    try:
        yield posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(gateway: Gateway, method: str, path: str, body: object = None) -> dict[str, Any]:
    answer = httpx.request(method, gateway.url + path, headers=dict([gateway.bearer]), json=body, timeout=30)
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found


def done(*arguments: object) -> dict[str, Any]:
    ended = clausegate(*arguments, "--format", "json")
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.slow
def test_a_task_is_told_done_and_overdue_while_a_gateway_serves(tmp_path: Path) -> None:
    admitted = 'partner_webhook_networks = ["127.0.0.0/8"]\n'
    with (
        backend() as source,
        hub(tmp_path / "hub", source.url, settings=admitted) as made,
        receiving() as posted,
        made.serving() as gateway,
    ):
        endpoint = asked(gateway, "POST", "/partner/webhooks", {"url": posted.url, "events": ["task"]})
        posted.statuses = [503]
        task = done("tasks", "create", made.folder, "--title", "Check", "--partner", "swift", "--due", "P1D")
        until(lambda: len(posted.got) == 2)  # once refused, and five seconds later taken
        assert {headers["webhook-id"] for headers, _ in posted.got} == {posted.got[0][0]["webhook-id"]}
        late = done("tasks", "create", made.folder, "--title", "Now", "--partner", "swift", "--due", "PT1S")
        assert asked(gateway, "POST", f"/partner/tasks/{task['id']}/accept")["state"] == "accepted"
        wish = {"title": "Look", "team": "legal", "due": "P1D"}
        mine = asked(gateway, "POST", "/partner/tasks", wish)
        assert done("tasks", "accept", made.folder, mine["id"])["state"] == "accepted"
        until(lambda: any(each["type"] == "task.overdue" for each in posted.verified(endpoint["secret"])))
        overdue = [each["data"]["task"] for each in posted.verified(endpoint["secret"]) if "overdue" in each["type"]]
        assert overdue == [late["id"]]
        (shown,) = asked(gateway, "GET", "/partner/tasks?state=overdue")["tasks"]
        assert shown["id"] == late["id"]
        asked(gateway, "POST", f"/partner/webhooks/{endpoint['id']}/test")
        until(lambda: posted.verified(endpoint["secret"])[-1]["type"] == "webhook.test")
    events = [entry.event for entry in read_as(made.log, Authority)]
    assert [events.count(f"task-{what}") for what in ("created", "accepted", "overdue")] == [3, 2, 1]
    assert events.count("webhook-added") == 1
