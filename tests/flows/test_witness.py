"""`clausegate witness` as a partner or auditor runs it: a process, a folder, and logs it has no faith in."""

import asyncio
import base64
import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.tlog.note import VerifierKey, parse_vkey
from gateway.witness.folder import checkpoint_name
from tests.flows.backend import backend
from tests.flows.demo import Process, clausegate, running, until
from tests.flows.hub import hub
from tests.flows.served import served
from tests.unit.witness.growing import ORIGIN, GrowingLog

LOG, FORK = GrowingLog(), GrowingLog(forked_at=3)
NAME = "witness.example/w1"
TOKEN = "a.very.secret-token"
WATCHING = ("--name", NAME, "--log", LOG.vkey, "--watch")


@contextmanager
def witnessing(folder: Path, life: int = 1, *more: object, **environment: str) -> Iterator[Process]:
    """The command, once it says that it is ready."""
    arguments = ("witness", folder, "--name", NAME, "--log", LOG.vkey, *(more or ("--port", 0)))
    with running(folder.parent / f"said-{life}", *arguments, **environment) as process:
        process.says("ready " if not more else "vkey ")
        yield process


def ask(process: Process, body: bytes) -> httpx.Response:
    return httpx.post(f"{process.url}/add-checkpoint", content=body, timeout=30)


def key_of(process: Process) -> VerifierKey:
    (line,) = [line for line in process.stdout.splitlines() if line.startswith("vkey ")]
    key = parse_vkey(line.removeprefix("vkey "))
    assert key is not None
    return key


async def command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself, while this loop serves it."""
    return await asyncio.to_thread(clausegate, *arguments)


async def becomes(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does with what this loop serves."""
    await asyncio.to_thread(until, condition)


class Published:
    """A web server with a log below /log for those with the token; nobody home while `files` is None."""

    def __init__(self, files: dict[str, bytes] | None) -> None:
        self.files, self.asked = files, 0

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        self.asked += 1
        body = None if self.files is None else self.files.get(scope["path"].removeprefix("/log/"))
        status = 503 if self.files is None else 404 if body is None else 200
        if dict(scope["headers"]).get(b"authorization") != f"Bearer {TOKEN}".encode():
            status, body = 401, None
        headers = [(b"content-length", str(len(body or b"")).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body or b""})


@pytest.fixture
async def published() -> AsyncIterator[tuple[Published, str]]:
    site = Published(LOG.files(300))
    async with served(site) as url:
        yield site, f"{url}/log"


def test_it_cosigns_a_growing_log_and_ends_in_good_order(tmp_path: Path) -> None:
    with witnessing(tmp_path / "w") as process:
        assert ask(process, LOG.body(0, 5)).text.startswith(f"— {NAME} ")
        assert ask(process, LOG.body(5, 300)).status_code == 200
        assert ask(process, LOG.body(5, 300)).text == "300\n"
        assert httpx.get(f"{process.url}/vkey", timeout=30).text == key_of(process).text() + "\n"
        assert process.end(signal.SIGTERM) == 0


def test_it_refuses_a_fork_keeps_the_proof_and_says_so(tmp_path: Path) -> None:
    with witnessing(tmp_path / "w") as process:
        ask(process, LOG.body(0, 5))
        assert ask(process, FORK.body(5, 7)).status_code == 422
        said = [json.loads(line) for line in process.stderr.splitlines() if "FORKED" in line]
    assert [(line["level"], line["origin"]) for line in said] == [("critical", ORIGIN)]
    kept = json.loads((tmp_path / "w" / "evidence" / said[0]["evidence"]).read_bytes())
    assert (kept["finding"], kept["origin"]) == ("fork", ORIGIN)


def test_killed_with_a_request_under_way_it_never_forgets_what_it_cosigned(tmp_path: Path) -> None:
    folder, size, keys = tmp_path / "w", 0, set()
    for life in range(1, 4):
        with witnessing(folder, life) as process:
            keys.add(key_of(process))
            if life > 1:
                known = int(ask(process, LOG.body(999, 999)).text)
                assert known in (size, size + 3)  # the last request of the life before was never answered
                size = known
                assert ask(process, FORK.body(size, size)).status_code == 409
            for _ in range(5):
                assert ask(process, LOG.body(size, size + 3)).status_code == 200
                size += 3
            post_without_waiting(process, LOG.body(size, size + 3))
            assert process.end(signal.SIGKILL) == -signal.SIGKILL
    assert len(keys) == 1


def post_without_waiting(process: Process, body: bytes) -> None:
    """Send a request and turn away."""
    host, port = process.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as sending:
        head = f"POST /add-checkpoint HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        sending.sendall(head.encode() + body)


def test_its_key_can_be_printed_while_it_works_and_nobody_else_may_work_there(tmp_path: Path) -> None:
    with witnessing(tmp_path / "w") as process:
        printed = clausegate("witness", tmp_path / "w", "--print-key")
        assert (printed.returncode, printed.stdout) == (0, key_of(process).text() + "\n")
        second = clausegate("witness", tmp_path / "w", "--log", LOG.vkey, "--port", 0)
    assert second.returncode == 2
    assert "another process works with this folder" in second.stderr


def test_a_key_can_be_made_and_shown_before_anything_is_witnessed(tmp_path: Path) -> None:
    made = clausegate("witness", tmp_path / "w", "--name", NAME, "--print-key", "--format", "json")
    again = clausegate("witness", tmp_path / "w", "--print-key")
    assert json.loads(made.stdout) == {"vkey": again.stdout.strip()}


def test_a_policy_file_names_the_logs_as_well(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text(f"# theirs\nlog {LOG.vkey}\nquorum none\n")
    arguments = ("witness", tmp_path / "w", "--name", NAME, "--policy", tmp_path / "policy", "--port", 0)
    with running(tmp_path / "said", *arguments) as process:
        process.says("ready ")
        assert ask(process, LOG.body(0, 5)).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--name", NAME), "no log to witness"),
        (("--log", LOG.vkey), "a new witness needs a name"),
        (("--name", NAME, "--log", "hub+12345678+AAAA"), "is no verifier key of a log"),
        (("--name", NAME, "--log", LOG.vkey, "--once"), "--once needs --watch"),
        ((*WATCHING, "ftp://u:pw-1@hub.example"), "http:// or https://"),
        (
            (*WATCHING, "http://hub.example", "--token-env", "T"),
            "over https:// only",
        ),
        ((*WATCHING, "https://a.example", "--watch", "https://b.example", "--token-env", "T"), "more than one server"),
        ((*WATCHING, "https://a.example", "--token-env", "GONE"), "holds no token"),
        (("--name", NAME, "--policy", "/nowhere/policy"), "policy: cannot be read"),
    ],
)
def test_what_it_cannot_do_it_says_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = clausegate("witness", tmp_path / "w", *arguments, T=TOKEN)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert TOKEN not in ended.stderr + ended.stdout
    assert "pw-1" not in ended.stderr


async def test_without_an_address_of_its_own_it_fetches_and_verifies(
    tmp_path: Path, published: tuple[Published, str]
) -> None:
    site, url = published
    with witnessing(tmp_path / "w", 1, "--watch", url, "--token-env", "T", "--interval", 0.1, T=TOKEN) as process:
        file = tmp_path / "w" / checkpoint_name(ORIGIN)
        await becomes(lambda: file.exists() and f"\n— {NAME} " in file.read_text())
        assert file.read_text().startswith(LOG.text(300))
        site.files = None
        asked = site.asked
        await becomes(lambda: site.asked > asked + 2)
        site.files = LOG.files(513)
        await becomes(lambda: file.read_text().startswith(LOG.text(513)))
        site.files = FORK.files(600)
        await becomes(lambda: "FORKED" in process.stderr)
        asked = site.asked
        await becomes(lambda: site.asked > asked + 2)
        assert file.read_text().startswith(LOG.text(513))
        assert process.stderr.count("unreachable") == 1  # said once, however often it happens
        assert process.end(signal.SIGTERM) == 0
    assert TOKEN not in process.stderr + process.stdout


@pytest.mark.parametrize(
    ("files", "status", "seen"),
    [
        (LOG.files(513), 0, "cosigned"),
        (FORK.files(513), 1, "fork"),
        (LOG.files(9), 1, "rolled-back"),
        (None, 2, "unreachable"),
    ],
)
async def test_one_look_tells_by_its_exit_status_how_it_was(
    tmp_path: Path, published: tuple[Published, str], files: dict[str, bytes] | None, status: int, seen: str
) -> None:
    site, url = published
    (tmp_path / "token").write_text(TOKEN)
    arguments = ("witness", tmp_path / "w", "--name", NAME, "--log", LOG.vkey, "--watch", url, "--once")
    with_token = (*arguments, "--token-file", tmp_path / "token", "--format", "json")
    first = await command(*with_token)
    assert first.returncode == 0, first.stderr
    site.files = files
    second = await command(*with_token)
    (look,) = json.loads(second.stdout)
    assert (second.returncode, look["seen"]) == (status, seen)


def free_port() -> int:
    """A port that nobody listens on; the witness is to take it later, at an address that the policy names before."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_cosignatures_appear_on_what_a_hub_publishes_and_its_partner_can_fetch_as_well(tmp_path: Path) -> None:
    """The policies name a witness that is not up yet; its partner's tree has one of its own, another key's."""
    delays = "tree_delay_ms = 100\nroot_delay_ms = 200\n"
    settings = f'witness_policy = "witnesses/auditors.policy"\nlog_origin = "{ORIGIN}"\n{delays}'
    with backend() as records, hub(tmp_path, records.url, settings=settings) as made:
        (made.folder / "witnesses").mkdir()
        keys, urls = {}, {}
        for policy in ("auditors", "swift"):
            printed = clausegate("witness", tmp_path / policy, "--name", f"witness.example/{policy}", "--print-key")
            keys[policy], urls[policy] = printed.stdout.strip(), f"http://127.0.0.1:{free_port()}"
            text = f"witness w {keys[policy]} {urls[policy]}\nquorum w\n"
            (made.folder / "witnesses" / f"{policy}.policy").write_text(text)
        with made.serving() as gateway:
            client = httpx.Client(base_url=gateway.url, headers=dict([gateway.bearer]), timeout=30)
            logs = {"auditors": "/log", "swift": "/partner/log"}
            client.get("/v1/shipments")
            vkeys = {policy: fetched(client, f"{path}/vkey").text.strip() for policy, path in logs.items()}
            with (
                running(tmp_path / "said-a", *arguments(tmp_path, "auditors", vkeys, urls)) as one,
                running(tmp_path / "said-b", *arguments(tmp_path, "swift", vkeys, urls)) as two,
            ):
                one.says("ready ")
                two.says("ready ")
                for policy, path in logs.items():
                    cosigned_by(client, f"{path}/checkpoint", keys[policy])
            (tmp_path / "token").write_text(gateway.token)
            looking = ("--watch", f"{gateway.url}/log", "--watch", f"{gateway.url}/partner/log", "--once")
            known = ("--log", vkeys["auditors"], "--log", vkeys["swift"], "--token-file", tmp_path / "token")
            looked = clausegate("witness", tmp_path / "third", "--name", NAME, *known, *looking)
            client.close()
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert [line.split()[:2] for line in looked.stdout.splitlines()] == [
        ["cosigned", ORIGIN],
        ["cosigned", f"{ORIGIN}/partners/swift"],
    ]


def arguments(folder: Path, policy: str, vkeys: dict[str, str], urls: dict[str, str]) -> tuple[object, ...]:
    return ("witness", folder / policy, "--log", vkeys[policy], "--port", urls[policy].rpartition(":")[2])


def fetched(client: httpx.Client, path: str) -> httpx.Response:
    """A file of a log, once it is there."""
    until(lambda: client.get(path).status_code == 200)
    return client.get(path)


def cosigned_by(client: httpx.Client, path: str, vkey: str) -> None:
    """Use the hub until the checkpoint at `path` has a good cosignature by this key, of the text that is published."""
    key = parse_vkey(vkey)
    assert key is not None

    def is_cosigned() -> bool:
        client.get("/v1/shipments")
        text, _, lines = client.get(path).text.partition("\n\n")
        found = [line for line in lines.splitlines() if line.startswith(f"— {key.name} ")]
        if not found:
            return False
        blob = base64.b64decode(found[0].split(" ")[2])
        message = f"cosignature/v1\ntime {int.from_bytes(blob[4:12])}\n{text}\n".encode()
        Ed25519PublicKey.from_public_bytes(key.public).verify(blob[12:], message)
        return True

    until(is_cosigned)
