"""The project's environment is made once, refreshed when the lock changes, and repaired when it was left half done."""

from pathlib import Path

import pytest

from deploy import bootstrap


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in (*bootstrap.LOCKS.values(), "pyproject.toml"):
        (folder / name).write_text(f"# {name}\n")
    return folder


@pytest.fixture
def venv(root: Path) -> Path:
    """An environment as the last successful setup for development left it."""
    folder = root / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    python = folder / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    (folder / "clausegate-dev").write_text(bootstrap.stamp_text(root, folder, "dev"))
    return folder


def test_an_environment_for_development_serves_for_running_too(root: Path, venv: Path) -> None:
    assert bootstrap.is_current(root, venv, "dev")
    assert bootstrap.is_current(root, venv, "run")


def test_an_environment_for_running_does_not_serve_for_development(root: Path, venv: Path) -> None:
    (venv / "clausegate-dev").unlink()
    (venv / "clausegate-run").write_text(bootstrap.stamp_text(root, venv, "run"))
    assert bootstrap.is_current(root, venv, "run")
    assert not bootstrap.is_current(root, venv, "dev")


@pytest.mark.parametrize("name", ["requirements-dev.lock", "pyproject.toml"])
def test_a_changed_lock_or_declaration_calls_for_a_refresh_in_place(root: Path, venv: Path, name: str) -> None:
    (root / name).write_text("# changed\n")
    assert not bootstrap.is_current(root, venv, "dev")
    assert bootstrap.must_be_made_again(venv, root) is None


def test_an_interrupted_setup_is_never_built_upon(root: Path, venv: Path) -> None:
    (venv / bootstrap.MARKER).touch()
    assert not bootstrap.is_current(root, venv, "dev")
    assert bootstrap.must_be_made_again(venv, root) == "the last setup was interrupted"


def test_an_environment_whose_python_is_gone_is_made_again(root: Path, venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    assert not bootstrap.is_current(root, venv, "dev")
    assert "no Python" in str(bootstrap.must_be_made_again(venv, root))


def test_an_environment_whose_pip_is_broken_is_made_again(root: Path, venv: Path) -> None:
    (venv / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert "pip" in str(bootstrap.must_be_made_again(venv, root))


def test_a_moved_environment_is_made_again(root: Path, venv: Path) -> None:
    moved = venv.rename(venv.with_name(".venv.moved"))
    assert not bootstrap.is_current(root, moved, "dev")
    assert "moved" in str(bootstrap.must_be_made_again(moved, root))


def test_a_folder_that_is_no_environment_is_never_deleted(root: Path) -> None:
    precious = root / "documents"
    precious.mkdir()
    (precious / "contract.txt").write_text("signed")
    with pytest.raises(bootstrap.SetupError, match="left alone"):
        bootstrap.set_up(root, precious, "run")
    assert (precious / "contract.txt").read_text() == "signed"


def test_a_failed_installation_says_so_and_is_not_taken_for_a_finished_one(root: Path, venv: Path) -> None:
    (root / "requirements-dev.lock").write_text("# changed\n")
    (venv / "bin" / "python").write_text('#!/bin/sh\ncase "$*" in *--version*) exit 0;; *) exit 1;; esac\n')
    with pytest.raises(bootstrap.SetupError, match="same command again"):
        bootstrap.set_up(root, venv, "dev")
    assert not bootstrap.is_current(root, venv, "dev")
    assert bootstrap.must_be_made_again(venv, root) == "the last setup was interrupted"


def test_settings_that_would_send_packages_elsewhere_do_not_reach_pip(
    root: Path, venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "requirements-dev.lock").write_text("# changed\n")
    seen = root / "seen"
    (venv / "bin" / "python").write_text(f'#!/bin/sh\nenv > {seen}\necho "$*" >> {seen}\n')
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.setenv("PIP_CERT", "certificate-of-the-company")
    bootstrap.set_up(root, venv, "dev")
    text = seen.read_text()
    assert "PIP_USER" not in text
    assert "PIP_TARGET" not in text
    assert "PIP_CERT=certificate-of-the-company" in text
    assert bootstrap.is_current(root, venv, "dev")
