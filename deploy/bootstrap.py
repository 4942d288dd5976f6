"""Makes the project's own virtual environment from a lock file, and repairs or refreshes it when it has to.

Run by the Makefile with the Python that `deploy/find-python` chose; uses the standard library alone. A stamp in the
environment names the lock it holds, so a second run costs milliseconds. A marker is left while packages are being
installed: an environment that still has it was interrupted, cannot be trusted file by file, and is made again.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}  # each holds all of the one before
MARKER = "clausegate-installing"
REDIRECTIONS = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME")
PIP_FAILED = """\
pip could not install the packages; its own message is above. If it could not reach the package index: that is needed
once, to set up. Behind a proxy or a mirror, pip's usual settings apply (PIP_INDEX_URL, HTTPS_PROXY, pip.conf).
Then run the same command again: what has been downloaded is kept."""


class SetupError(Exception):
    """Setting up cannot go on; the text is for the person at the terminal."""


def say(text: str) -> None:
    """One line of progress, on standard error so that a command's output stays its own."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def stamp_text(root: Path, venv: Path, kind: str) -> str:
    """What an environment must hold: the lock, the declarations and the place (its scripts hold absolute paths)."""
    digest = hashlib.sha256()
    for name in (LOCKS[kind], "pyproject.toml"):
        digest.update((root / name).read_bytes())
    return f"{digest.hexdigest()} {root} {venv}\n"


def is_current(root: Path, venv: Path, kind: str) -> bool:
    """True if nothing needs to be done. An environment for development also serves for running."""
    if (venv / MARKER).exists() or not (venv / "bin" / "python").exists():
        return False
    kinds = list(LOCKS)[list(LOCKS).index(kind) :]
    return any(_read(venv / f"clausegate-{name}") == stamp_text(root, venv, name) for name in kinds)


def must_be_made_again(venv: Path, root: Path) -> str | None:
    """Why an existing environment cannot be built upon, or None."""
    if (venv / MARKER).exists():
        return "the last setup was interrupted"
    python = venv / "bin" / "python"
    if not python.exists():
        return "it has no Python (was the system's Python upgraded?)"
    if _quiet([str(python), "-I", "-m", "pip", "--version"]) != 0:
        return "its pip does not start"
    for name in LOCKS:
        stamp = _read(venv / f"clausegate-{name}")
        if stamp and stamp.split(" ", 1)[1] != f"{root} {venv}\n":
            return "it, or the checkout it was made for, has moved"
    return None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, so that two `make` at once do not install over each other."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another setup is at work in this folder; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove(venv: Path, why: str) -> None:
    """Delete an environment. SetupError when the folder is none: somebody may have named the wrong one."""
    if not (venv / MARKER).exists() and not (venv / "pyvenv.cfg").exists():
        raise SetupError(f"{venv} exists and is no virtual environment: it is left alone. Name another with VENV=...")
    say(f"{venv.name} is made again: {why}")
    shutil.rmtree(venv)


def create(venv: Path) -> None:
    """A fresh environment with pip in it. SetupError when the venv module cannot."""
    say(f"making {venv.name} with Python {sys.version.split()[0]} ({sys.executable})")
    venv.mkdir(parents=True)
    (venv / MARKER).touch()
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-m", "venv", str(venv)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(venv, ignore_errors=True)
        words = (done.stdout + done.stderr).strip()
        raise SetupError(
            f"{words}\nThe virtual environment could not be made. On Debian and Ubuntu: sudo apt install python3-venv"
        )


def pip_install(venv: Path, *arguments: str) -> None:
    """Run the environment's pip; its progress bar shows on a terminal. SetupError when it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in REDIRECTIONS}
    command = [str(venv / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar", "on" if sys.stderr.isatty() else "off"]
    if sys.stderr.isatty():
        command.remove("--quiet")
    if subprocess.run([*command, *arguments], env=environment, check=False).returncode != 0:  # noqa: S603 - our own pip
        raise SetupError(PIP_FAILED)


def install(root: Path, venv: Path, kind: str) -> None:
    """Every locked wheel, checked against its hash, then the project itself in place."""
    lock = root / LOCKS[kind]
    count = sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text().splitlines())
    (venv / MARKER).touch()
    say(f"installing {count} locked packages from {lock.name} (the first time takes a minute or two)")
    pip_install(venv, "--only-binary", ":all:", "--require-hashes", "--requirement", str(lock))
    say("installing clausegate itself, in place")
    pip_install(venv, "--no-deps", "--no-build-isolation", "--no-index", "--editable", str(root))
    (venv / f"clausegate-{kind}").write_text(stamp_text(root, venv, kind))
    (venv / MARKER).unlink()


def set_up(root: Path, venv: Path, kind: str) -> None:
    """Bring the environment to what the lock says. SetupError when that is impossible."""
    if is_current(root, venv, kind):
        return
    with alone(venv.with_name(venv.name + ".lock")):
        if is_current(root, venv, kind):
            return
        started = time.monotonic()
        if venv.exists() and (why := must_be_made_again(venv, root)):
            remove(venv, why)
        if not venv.exists():
            create(venv)
        install(root, venv, kind)
        say(f"ready after {time.monotonic() - started:.0f} s")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _quiet(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 - our own interpreter


def main() -> int:
    """`bootstrap.py run|dev [--venv FOLDER]`: exit 0 when the environment is ready, 1 with a reason when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=list(LOCKS))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    arguments = parser.parse_args()
    try:
        set_up(ROOT, arguments.venv.absolute(), arguments.kind)
    except SetupError as error:
        say(f"failed\n{error}")
        return 1
    except OSError as error:
        say(f"failed: {error.strerror}: {error.filename}")
        return 1
    except KeyboardInterrupt:
        say("stopped; the next run makes it whole")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
