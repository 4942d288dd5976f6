"""Changing who may do what while the gateway serves: it takes effect, it is on the log, and the log can be asked."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import open_administration
from gateway.store.hidden import Hidden
from gateway.workspace import Workspace, load_workspace
from tests.flows.backend import backend
from tests.flows.demo import clausegate, until
from tests.flows.hub import CLIENT, Gateway, Hub, hub
from tests.unit.console.house import PASSWORD, Page, form_token

pytestmark = pytest.mark.slow

PARTNER = "swift"
AGREEMENT = "swift-2026"
ONE = "/v1/shipments/S-1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Gateway]]:
    folder = tmp_path_factory.mktemp("administering")
    with backend() as source, hub(folder, source.url) as made, made.serving() as gateway:
        yield made, gateway


def token_of(gateway: Gateway, client: str, secret: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "resource": gateway.url}
    return httpx.post(f"{gateway.url}/oauth/token", data=form, auth=(client, secret), timeout=30)


def call(gateway: Gateway, token: str) -> int:
    return httpx.get(gateway.url + ONE, headers={"authorization": f"Bearer {token}"}, timeout=30).status_code


def done(*arguments: object) -> str:
    ended = clausegate(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def logged(made: Hub, *arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(done("log", made.folder, "--format", "csv", *arguments))))


def test_a_client_that_is_added_works_at_once_and_one_that_is_disabled_no_more(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    added = json.loads(done("client", "add", made.folder, "second-app", "--partner", PARTNER, "--format", "json"))
    token = token_of(gateway, "second-app", added["client_secret"]).json()["access_token"]
    assert call(gateway, token) == 200
    done("client", "disable", made.folder, "second-app")
    until(lambda: call(gateway, token) == 401)
    until(lambda: token_of(gateway, "second-app", added["client_secret"]).status_code == 401)
    done("client", "enable", made.folder, "second-app")
    assert call(gateway, token) == 401
    assert token_of(gateway, "second-app", added["client_secret"]).status_code == 200
    assert "second-app" in done("client", "list", made.folder)
    events = [
        row["event"] for row in logged(made, "--type", "authority", "--partner", PARTNER) if "app" in row["subject"]
    ]
    assert events[-3:] == ["client-added", "client-disabled", "client-enabled"]
    assert json.loads(done("verify", made.folder, "--format", "json"))["intact"]


def test_a_second_secret_works_beside_the_first(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    second = json.loads(done("client", "rotate", made.folder, CLIENT, "--format", "json"))["client_secret"]
    for secret in (made.secret, second):
        assert token_of(gateway, CLIENT, secret).status_code == 200


def test_no_token_is_refused_while_keys_rotate(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    before = token_of(gateway, CLIENT, made.secret).json()["access_token"]
    kid = done("keys", "rotate", made.folder).removeprefix("signing now: ").strip()
    listed = json.loads(done("keys", "list", made.folder, "--format", "json"))
    assert [key["kid"] for key in listed if key["state"] == "active"] == [kid]
    until(lambda: kid in httpx.get(f"{gateway.url}/.well-known/jwks.json", timeout=30).text)
    after = token_of(gateway, CLIENT, made.secret).json()["access_token"]
    assert [call(gateway, token) for token in (before, after)] == [200, 200]
    assert [row["subject"] for row in logged(made, "--event", "key-rotated")] == [kid]


def test_the_keys_that_the_gateway_made_for_itself_are_on_the_log(served: tuple[Hub, Gateway]) -> None:
    made, _ = served
    listed = {key["kid"] for key in json.loads(done("keys", "list", made.folder, "--format", "json"))}
    assert listed & {row["subject"] for row in logged(made, "--event", "key-created")}


def test_an_agreement_is_signed_off_by_who_knows_the_password_only(served: tuple[Hub, Gateway]) -> None:
    made, _ = served
    refused = clausegate("sign-off", made.folder, AGREEMENT, "--as", "ops")
    assert refused.returncode == 2
    assert "no account" in refused.stderr
    assert logged(made, "--event", "agreement-signed-off") == []


def test_a_sign_off_by_the_command_and_one_at_the_console_are_one_list_and_one_log(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    asyncio.run(two_of_legal(made.folder))
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        form = {"form_token": form_token(client.get("/console/login").text), "username": "bo", "password": PASSWORD}
        assert client.post("/console/login", data=form).status_code == 303
        page = client.get(f"/console/agreements/{AGREEMENT}/sign-off")
        assert "li, 20" in page.text, "what the command recorded is known at once"
        inputs = {name: Page(page.text).inputs[name] for name in ("form_token", "contract")}
        answer = client.post(page.url.path, data=inputs | {"password": PASSWORD})
        assert answer.status_code == 303, answer.text
        listed = client.get("/console/sign-offs").text
    assert "li, 20" in listed
    assert "bo, 20" in listed
    signed = [entry for entry in read_as(made.log, Authority) if entry.event == "agreement-signed-off"]
    assert {entry.subject.rpartition(" ")[2] for entry in signed} == {"li", "bo"}
    assert {(entry.partner, entry.contract) for entry in signed} == {(PARTNER, inputs["contract"])}


async def two_of_legal(folder: Path) -> None:
    """Accounts for li and bo; li has signed the agreement off, as the command does it."""
    workspace = load_workspace(folder, {})
    assert isinstance(workspace, Workspace)
    (contract,) = workspace.plans.contracts.values()
    async with open_administration(workspace.settings, workspace.folder) as administration:
        for username in ("li", "bo"):
            await administration.create_account(username, Hidden(PASSWORD), "legal", "en")
        await administration.sign_off(contract, "li", Hidden(PASSWORD))


def test_the_log_answers_who_was_refused_what_and_where_the_record_is(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    reply = httpx.get(f"{gateway.url}/v1/shipments?nonsense=1", headers=dict([gateway.bearer]), timeout=30)
    assert reply.status_code == 400
    (row,) = logged(made, "--request-id", reply.headers["x-request-id"])
    assert (row["partner"], row["status"], row["code"]) == (PARTNER, "400", "invalid-filter")
    told = json.loads(done("log", made.folder, "--refused", "--period", "24h", "--format", "json"))
    assert row["leaf_hash"] in {found["leaf_hash"] for found in told["rows"]}
    assert told["total"] == len(told["rows"])
    assert row["leaf_hash"][:8] not in done("log", made.folder, "--partner", PARTNER, "--refused", "--clause", "9.9")
    assert json.loads(done("index", made.folder, "--format", "json"))["records"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--period", "sometime"], "last-week"),
        (["--from", "2026-13-01"], "no date or time"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "not after"),
        (["--period", "today", "--from", "2026-01-01"], "--period, or"),
        (["--time-zone", "Mars/Olympus"], "no time zone"),
    ],
)
def test_a_question_that_means_nothing_is_one_clear_line(
    served: tuple[Hub, Gateway], arguments: list[str], words: str
) -> None:
    ended = clausegate("log", served[0].folder, *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stdout == ""
