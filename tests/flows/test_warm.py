"""A command that was forked is what a cold one is: it says the same, ends with the same status and takes signals."""

import signal
from pathlib import Path

import pytest

from tests.flows.demo import clausegate, running

COLD = {"LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["check", "nowhere"], 2), (["--help"], 0)],
)
def test_it_says_what_a_cold_one_says(arguments: list[str], status: int) -> None:
    warm, cold = clausegate(*arguments), clausegate(*arguments, **COLD)
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    assert warm.returncode == status
    assert warm.stdout + warm.stderr


def test_it_has_the_environment_it_was_given(tmp_path: Path) -> None:
    clausegate("init", tmp_path / "hub")
    (tmp_path / "hub" / "clausegate.toml").write_text('writer = "${NAME}"\n')
    refused = clausegate("check", tmp_path / "hub")
    assert refused.returncode == 1
    assert "NAME is not set" in " ".join((refused.stdout + refused.stderr).split())
    assert clausegate("check", tmp_path / "hub", NAME="gw-1").returncode == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_it_takes_signals_and_its_status_is_known(tmp_path: Path, number: int, status: int) -> None:
    clausegate("init", tmp_path / "hub")
    with running(tmp_path / "said", "serve", tmp_path / "hub", "--port", 0) as process:
        process.says("ready ")
        assert process.process.poll() is None
        assert process.end(number) == status
        process.process.send_signal(signal.SIGTERM)  # to nobody: it has ended
