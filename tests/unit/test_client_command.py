"""clausegate client and why: whatever a client holds is added, shown, rotated and revoked; a mistake is one line."""

import json
import time
from calendar import timegm
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from msgspec.structs import replace
from typer import Exit
from typer.testing import CliRunner, Result

from contracts.plan import Plan, Plans
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.commands.client import app
from gateway.commands.client_input import Given, check_method, checked_url, new_client
from gateway.workspace import Workspace
from tests.flows.limited import PARTNER, limited_workspace
from tests.unit.credentials.stage import BOUND_CLAUSE, DAY_S, certificate, jwk

NOW_S = int(time.time())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return limited_workspace(tmp_path_factory.mktemp("clients") / "workspace")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options that name what they need."""
    folder = tmp_path_factory.mktemp("files")
    texts = {
        "k1": json.dumps({"keys": [jwk("k1")]}),
        "k2": json.dumps({"keys": [jwk("k[2]")]}),
        "a.pem": certificate("a", NOW_S - DAY_S, NOW_S + 90 * DAY_S),
        "b.pem": certificate("b", NOW_S - DAY_S, NOW_S + 90 * DAY_S),
        "ended.pem": certificate("c", NOW_S - 2 * DAY_S, NOW_S - DAY_S),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: str(folder / name) for name in texts}


def client(command: str, workspace: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(app, [command, str(workspace.folder), *arguments], catch_exceptions=False)


def done(command: str, workspace: Workspace, *arguments: str) -> Any:
    ended = client(command, workspace, *arguments, "--format", "json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def events(workspace: Workspace) -> list[tuple[str, str]]:
    log: Path = workspace.settings.log_path(workspace.folder)
    return [(entry.event, entry.subject) for entry in read_as(log, Authority)]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["--subject-dn", "CN=app,O=Swift"], "dn"),
        (["--san-dns", "app.swift.example"], "san_dns"),
        (["--san-uri", "urn:swift:app"], "san_uri"),
        (["--san-email", "app@swift.example"], "san_email"),
    ],
)
def test_each_name_that_certificates_may_have_is_of_its_kind(options: list[str], kind: str) -> None:
    given = Given(None, "", None, {kind: options[1]})
    new = new_client("app", PARTNER, None, given)
    assert (new.auth_method, new.tls_subject_kind, new.tls_subject) == ("tls_client_auth", kind, options[1])
    option = "--" + (kind if kind != "dn" else "subject_dn").replace("_", "-")
    assert option == options[0]


@pytest.mark.parametrize(
    ("options", "method", "holds"),
    [
        ([], "client_secret_basic", "secret"),
        (["--jwks", "k1"], "private_key_jwt", "key"),
        (["--jwks-url", "https://keys.swift.example/jwks", "--no-fetch"], "private_key_jwt", "jwks_url"),
        (["--certificate", "a.pem"], "self_signed_tls_client_auth", "certificate"),
        (["--san-ip", "192.0.2.7"], "tls_client_auth", "certificate_san_ip"),
    ],
)
def test_what_is_given_says_how_a_client_authenticates(
    workspace: Workspace, files: dict[str, str], options: list[str], method: str, holds: str
) -> None:
    name = f"app-{holds.replace('_', '-')}"
    added = done("add", workspace, name, "--partner", PARTNER, *(files.get(each, each) for each in options))
    assert (added["auth_method"], added["client_secret"] is None) == (method, holds != "secret")
    shown = done("show", workspace, name)
    assert [each["kind"] for each in shown["credentials"]] == [holds]
    assert events(workspace)[-1] == ("client-added", name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jwks", "k1", "--certificate", "a.pem"], "not both"),
        (["--certificate", "ended.pem"], "has ended"),
        (["--jwks-url", "http://127.0.0.1:1/"], "--no-fetch"),
        (["--jwks", "k1", "--auth-method", "client_secret_basic"], "it gets a secret"),
        (["--partner", "nobody"], "there is no partner nobody"),
    ],
)
def test_a_mistake_is_one_line_and_registers_nothing(
    workspace: Workspace, files: dict[str, str], options: list[str], words: str
) -> None:
    before = events(workspace)
    ended = client("add", workspace, "wrong", "--partner", PARTNER, *(files.get(each, each) for each in options))
    assert (ended.exit_code, words in ended.output, ended.output.count("\n")) == (2, True, 1), ended.output
    assert "BEGIN" not in ended.output
    assert events(workspace) == before


def test_keys_certificates_and_secrets_are_rotated_with_an_overlap(workspace: Workspace, files: dict[str, str]) -> None:
    for name, options in (("r-key", ["--jwks", files["k1"]]), ("r-tls", ["--certificate", files["a.pem"]]), ("r", [])):
        done("add", workspace, name, "--partner", PARTNER, *options)
    before = events(workspace)
    rehearsed = client("rotate", workspace, "r-key", "--jwks", files["k2"], "--dry-run")
    assert (rehearsed.exit_code, "k[2]. Nothing was changed." in rehearsed.stdout) == (0, True), rehearsed.output
    refused = client("rotate", workspace, "r-key", "--jwks", files["k1"], "--dry-run")
    assert (refused.exit_code, "already" in refused.output) == (2, True)
    assert events(workspace) == before
    assert done("rotate", workspace, "r-key", "--jwks", files["k2"], "--overlap", "3")["keys"] == ["k[2]"]
    assert done("rotate", workspace, "r-tls", "--certificate", files["b.pem"], "--overlap", "3")["overlap_days"] == 3
    assert done("rotate", workspace, "r")["client_secret"]
    for name, days in (("r-key", 3), ("r-tls", 3), ("r", 7)):
        ends = [each["expires"] for each in done("show", workspace, name)["credentials"]]
        soonest = min(each for each in ends if each is not None)
        left_s = timegm(time.strptime(soonest, "%Y-%m-%dT%H:%M:%SZ")) - time.time()
        assert abs(left_s - days * DAY_S) < 600, (name, ends)
    assert [event for event, _ in events(workspace)[len(before) :]] == [
        "client-key-added",
        "client-certificate-added",
        "client-secret-added",
    ]


def test_a_client_is_disabled_enabled_and_its_tokens_revoked(workspace: Workspace) -> None:
    done("add", workspace, "d", "--partner", PARTNER)
    for command in ("disable", "enable", "revoke"):
        assert client(command, workspace, "d").exit_code == 0
    missing = client("revoke", workspace, "none")
    assert (missing.exit_code, "there is no client none" in missing.output) == (2, True)
    assert [event for event, _ in events(workspace)[-3:]] == [
        "client-disabled",
        "client-enabled",
        "client-tokens-revoked",
    ]


def test_a_list_has_every_client_in_a_line(workspace: Workspace) -> None:
    for name, options in (("l-1", []), ("l-2", ["--san-dns", "app.swift.example"])):
        done("add", workspace, name, "--partner", PARTNER, *options)
    lines = {line.split()[0]: line.split()[1:] for line in client("list", workspace).stdout.splitlines()}
    assert lines["l-1"] == [PARTNER, "client_secret_basic", "basic", "enabled", "1", "secret", "-", "-"]
    assert lines["l-2"] == [PARTNER, "tls_client_auth", "bound", "enabled", "1", "certificate_san_dns", "-", "-"]
    listed = {each["client_id"]: each["tier"] for each in done("list", workspace)}
    assert (listed["l-1"], listed["l-2"]) == ("basic", "bound")


def test_a_method_that_every_agreement_excludes_is_refused_and_the_clause_is_named(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = [replace(plan, authentication=(BOUND_CLAUSE,)) for plan in workspace.plans.all_plans()]
    plans = [replace(plan, authentication=()) for plan in asking]
    strict, mild = (replace(workspace, plans=_of(each)) for each in (asking, [*asking, plans[0]]))
    with pytest.raises(Exit):
        check_method(strict, PARTNER, "client_secret_basic")
    assert "swift-2026 1.0.0, clause 2.2, does not admit client_secret_basic: Bound tokens." in capsys.readouterr().err
    check_method(strict, PARTNER, "private_key_jwt")
    check_method(strict, "hub", "client_secret_basic")
    check_method(mild, PARTNER, "client_secret_basic")
    check_method(workspace, PARTNER, "client_secret_basic")


def _of(plans: list[Plan]) -> Plans:
    return Plans({("swift", str(number), "list"): (plan,) for number, plan in enumerate(plans)}, {})


def test_a_set_at_a_url_whose_keys_have_all_ended_is_refused_before_the_client_is_there(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = replace(workspace, settings=replace(workspace.settings, jwks_networks=("127.0.0.0/8",)))
    ended, good = jwk("k1") | {"exp": NOW_S - 1}, jwk("k2") | {"exp": NOW_S + DAY_S}
    with published() as (url, keys):
        keys[:] = [ended]
        with pytest.raises(Exit):
            checked_url(inside, url)
        assert "--jwks-url: Every key of the set has ended, by its `exp`." in capsys.readouterr().err
        keys[:] = [ended, good]
        checked_url(inside, url)


@contextmanager
def published() -> Iterator[tuple[str, list[Any]]]:
    """Where a key set is published, and its keys."""
    keys: list[Any] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks", keys
        finally:
            server.shutdown()
            thread.join()
