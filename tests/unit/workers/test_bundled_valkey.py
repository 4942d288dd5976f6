"""The Valkey that workers share: private, without a trace, there again after a death, gone with its gateway."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.workers.bundled_valkey import BundledValkey, NoValkeyError, clear_up, remember_url, remembered_url
from tests.conftest import ROOT

PATIENCE_S = 30

STARTER = """
import asyncio, sys
from gateway.workers.bundled_valkey import BundledValkey
async def main():
    valkey = await BundledValkey.open()
    print(valkey.pid, valkey.url, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def reached(condition: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether there is such a process; one that nobody has waited for yet is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_it_answers_on_a_socket_that_only_this_user_can_reach_and_on_no_port() -> None:
    valkey = await BundledValkey.open()
    try:
        socket = Path(valkey.url.removeprefix("unix://"))
        assert [mode_of(path) for path in (socket.parent, socket)] == [0o700, 0o700]
        async with Redis.from_url(valkey.url) as redis:
            assert await redis.set("clausegate:{swift}:test", "1")
            found = {name: (await redis.config_get(name))[name] for name in ("port", "save", "appendonly")}
            assert found == {"port": "0", "save": "", "appendonly": "no"}
            assert (await redis.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
    finally:
        await valkey.close()
    assert not socket.parent.exists()
    assert valkey.pid == 0


async def test_one_that_is_killed_is_there_again_on_the_same_socket_and_knows_nothing() -> None:
    valkey = await BundledValkey.open()
    try:
        url, killed = valkey.url, valkey.pid
        async with Redis.from_url(url) as redis:
            await redis.set("clausegate:{swift}:test", "1")
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while not lives(valkey.pid) or valkey.pid == killed or not await valkey._answers():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with Redis.from_url(url) as redis:
            assert await redis.get("clausegate:{swift}:test") is None
    finally:
        await valkey.close()


def test_it_does_not_outlive_a_starter_that_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline().split()[0])
        assert lives(pid)
        starter.kill()
        reached(lambda: not lives(pid))


async def test_a_socket_gets_a_path_that_fits_its_address_however_long_the_temporary_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    valkey = await BundledValkey.open()
    await valkey.close()
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#!/bin/sh\necho no such instruction\nexit 3\n", "no such instruction"),
        ("#!/bin/sh\nexit 4\n", "it ended with status 4"),
        ("no program of this platform", "Exec format error"),
    ],
)
async def test_one_that_does_not_run_here_says_why_and_what_to_do(tmp_path: Path, text: str, why: str) -> None:
    program = tmp_path / "valkey-server"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(NoValkeyError) as raised:
        await BundledValkey.open(program)
    assert why in str(raised.value)
    assert "set redis_url in clausegate.toml to a server of yours, or workers = 1" in str(raised.value)


async def test_one_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(NoValkeyError, match="No such file or directory"):
        await BundledValkey.open(tmp_path / "valkey-server")


async def test_commands_find_the_counters_of_a_gateway_that_serves_and_of_no_other(tmp_path: Path) -> None:
    assert remembered_url(tmp_path) == ""
    valkey = await BundledValkey.open()
    remember_url(tmp_path, valkey.url)
    assert remembered_url(tmp_path) == valkey.url
    await valkey.close()
    assert remembered_url(tmp_path) == ""
    remember_url(tmp_path, "")
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("name", ["clausegate-left", "somebody-else"])
def test_what_a_killed_gateway_left_is_removed_and_nothing_else_is(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "valkey.sock").touch()
    (folder / "said").touch()
    remember_url(tmp_path, f"unix://{folder / 'valkey.sock'}")
    assert remembered_url(tmp_path) == ""
    clear_up(tmp_path)
    assert folder.exists() == (name == "somebody-else")
    clear_up(tmp_path)


async def test_counters_that_are_in_use_are_left_alone(tmp_path: Path) -> None:
    valkey = await BundledValkey.open()
    try:
        remember_url(tmp_path, valkey.url)
        clear_up(tmp_path)
        assert await valkey._answers()
    finally:
        await valkey.close()
