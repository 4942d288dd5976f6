"""deploy/find-python prints a Python that will do, or says plainly what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "find-python"
SHELL = "/bin/sh"


def fake_python(folder: Path, name: str, version: str, missing: str = "") -> Path:
    """A python that claims a version and lacks a module: the real one behind a two-line change of what it sees."""
    path = folder / name
    numbers = ", ".join(version.split("."))
    before = f"import sys; sys.version_info = type('V', (tuple,), {{}})(({numbers}));"
    before += f"sys.modules['{missing}'] = None;" if missing else ""
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c \"{before} exec('''$3''')\"\n")
    path.chmod(0o755)
    return path


def find(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SHELL, SCRIPT], env={"PATH": str(folder), **environment}, capture_output=True, text=True, check=False
    )


def test_the_first_python_that_will_do_is_printed(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    done = find(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/python3\n", "")


def test_no_python_at_all_is_said_with_the_command_that_installs_it(tmp_path: Path) -> None:
    done = find(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "sudo apt install python3 python3-venv" in done.stderr


@pytest.mark.parametrize("version", ["3.10.13", "2.7.18"])
def test_an_old_python_is_named_with_its_version(tmp_path: Path, version: str) -> None:
    (tmp_path / "python3").write_text(f'#!/bin/sh\necho "too old: Python {version}"\n')
    (tmp_path / "python3").chmod(0o755)
    done = find(tmp_path)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert f"{tmp_path}/python3: too old: Python {version}" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.10.13")
    (tmp_path / "python3.12").symlink_to(sys.executable)
    assert find(tmp_path).stdout == f"{tmp_path}/python3.12\n"


def test_a_missing_venv_module_is_said_with_the_package_that_has_it(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.12.3", missing="ensurepip")
    done = find(tmp_path)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr
    assert "python3.12-venv" in done.stderr


def test_a_named_python_is_the_only_one_tried(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(sys.executable)
    old = fake_python(tmp_path, "mine", "3.9.1")
    done = find(tmp_path, PYTHON=str(old))
    assert done.returncode == 1
    assert "3.9.1" in done.stderr
    assert f"{tmp_path}/python3:" not in done.stderr


def test_a_python_that_crashes_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 139\n")
    broken.chmod(0o755)
    (tmp_path / "python3.11").symlink_to(sys.executable)
    done = find(tmp_path)
    assert done.stdout == f"{tmp_path}/python3.11\n"
    assert os.access(done.stdout.strip(), os.X_OK)
