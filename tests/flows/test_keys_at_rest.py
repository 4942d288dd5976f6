"""Keys at rest as an operator meets them: encrypted beside a serving gateway, rotated, and lost with their key."""

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.demo import Process, clausegate, running
from tests.flows.valkey import free_port

pytestmark = pytest.mark.slow
OLD, NEW = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str]]:
    """A workspace, and its client with the secret."""
    folder = tmp_path_factory.mktemp("keys") / "hub"
    done = clausegate("init", folder)
    assert done.returncode == 0, done.stderr
    found = re.search(r"^client +(\S+), secret (\S+)$", done.stdout, re.MULTILINE)
    assert found
    return folder, (found[1], found[2])


def sets(folder: Path, line: str) -> None:
    file = folder / "clausegate.toml"
    kept = [each for each in file.read_text().splitlines() if not each.startswith("key_encryption_key")]
    file.write_text("\n".join([line, *kept]) + "\n")


def command(*arguments: object, **environment: str) -> Any:
    done = clausegate(*arguments, "--format", "json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def private_keys(folder: Path) -> int:
    """How many whoever has a copy of the state store's files can read."""
    content = b"".join(file.read_bytes() for file in (folder / "state").glob("clausegate.db*"))
    return len(set(re.findall(rb'"d": "([^"]+)"', content)))


def asked(process: Process, client: tuple[str, str]) -> str:
    form = {"grant_type": "client_credentials", "resource": process.url}
    answer = httpx.post(f"{process.url}/oauth/token", data=form, auth=client)
    return str(answer.json()["access_token"])


def status(process: Process, token: str) -> int:
    return httpx.get(f"{process.url}/v1/orders", headers={"authorization": f"Bearer {token}"}).status_code


def test_keys_are_encrypted_under_one_key_and_another_while_no_token_is_refused(
    made: tuple[Path, tuple[str, str]], tmp_path: Path
) -> None:
    folder, client = made
    port = free_port()  # the same for both starts, because the issuer of tokens has it in its name
    with running(tmp_path / "plain", "serve", folder, "--port", port) as process:
        process.says("ready ")
        before = asked(process, client)
        assert "private keys are not encrypted at rest" in process.stderr
    listed = command("keys", "list", folder)
    assert private_keys(folder) == 2
    assert [(key["state"], key["sealed_by"]) for key in listed] == [("active", ""), ("pending", "")]
    assert clausegate("keys", "encrypt", folder).returncode == 2  # there is nothing to do it with
    sets(folder, 'key_encryption_key = "${KEK}"')
    keys = f"{NEW} {OLD}"
    with running(tmp_path / "sealed", "serve", folder, "--port", port, KEK=keys) as process:
        process.says("ready ")
        assert status(process, before) == 200
        assert "not encrypted" not in process.stderr
        new_id = command("keys", "list", folder, KEK=keys)[0]["sealed_by"]
        sealed = command("keys", "encrypt", folder, KEK=f"{OLD} {NEW}")
        assert sealed["sealed_by"] != new_id
        signing = command("keys", "rotate", folder, KEK=keys)["kid"]
        assert signing == listed[1]["kid"]
        assert command("keys", "encrypt", folder, KEK=keys) == {"sealed": sealed["sealed"] + 1, "sealed_by": new_id}
        found = command("keys", "list", folder, KEK=NEW)
        assert {key["sealed_by"] for key in found} == {new_id}
        retired = found[-1]
        assert (retired["kid"], retired["state"]) == (listed[0]["kid"], "retired")
        assert retired["forgotten_s"] > retired["retired_s"] >= retired["activated_s"]
        published = {key["kid"] for key in httpx.get(f"{process.url}/.well-known/jwks.json").json()["keys"]}
        assert {key["kid"] for key in listed} <= published
        assert {status(process, token) for token in (before, asked(process, client))} == {200}
    assert private_keys(folder) == 0


def test_without_the_key_nothing_starts_and_nothing_is_changed(made: tuple[Path, tuple[str, str]]) -> None:
    folder, _ = made
    file = folder / "state" / "clausegate.db"
    sets(folder, 'key_encryption_key = "${KEK}"')
    clausegate("keys", "list", folder, KEK=NEW)
    before = file.read_bytes()
    for arguments in (("serve", folder, "--port", 0), ("keys", "rotate", folder), ("keys", "list", folder)):
        done = clausegate(*arguments, KEK=OLD)
        assert done.returncode == 2
        assert re.fullmatch(
            r"error: the state store cannot be used: .* is sealed under key-[0-9a-f]{16}, .*\n", done.stderr
        )
        assert NEW not in done.stderr
    assert file.read_bytes() == before
    assert "key_encryption_key: the environment variable KEK is not set" in clausegate("serve", folder).stderr
