"""Writes the two lock files from pyproject.toml, and says whether they still belong to it.

`requirements.lock` is what running needs, `requirements-dev.lock` adds what tests and checks need, at the same
versions. Both hold every hash for every platform, and the build backend too, so that nothing unpinned is
ever fetched. The first line of each names the SHA-256 of the declarations it was made from: comparing that
needs no network, so a forgotten `make lock` fails everywhere.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
LOWEST_PYTHON = "3.11"
EDITABLE_HOOK = "editables~=0.3"  # hatchling asks for it when a checkout is installed in place
PREFIX = "# made by `make lock` from declarations with sha256 "


def declarations(pyproject: bytes) -> dict[str, list[str]]:
    """The parts of pyproject.toml that decide what is installed."""
    document = tomllib.loads(pyproject.decode())
    project = document["project"]
    return {
        "build": document["build-system"]["requires"],
        "dependencies": project["dependencies"],
        "dev": project["optional-dependencies"]["dev"],
        "python": [project["requires-python"]],
    }


def fingerprint(pyproject: bytes) -> str:
    """SHA-256, in hex, of what `declarations` returns: a changed comment or tool setting leaves it as it is."""
    text = json.dumps(declarations(pyproject), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def stale(pyproject: bytes, lock: str) -> bool:
    """True if the lock's first line does not name these declarations."""
    return lock.partition("\n")[0] != PREFIX + fingerprint(pyproject)


def compile_lock(root: Path, build: list[str], target: str, *more: str) -> None:
    """Let uv resolve into `target`, keeping the versions already locked there wherever they still fit."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
    command += ["--python-version", LOWEST_PYTHON, "--only-binary", ":all:", *more]
    command += ["pyproject.toml", "-", "--output-file", target]
    subprocess.run(command, cwd=root, check=True, text=True, input="\n".join(build))  # noqa: S603 - our own uv
    path = root / target
    first = PREFIX + fingerprint((root / "pyproject.toml").read_bytes())
    path.write_text(f"{first}\n{path.read_text()}")


def write_locks(root: Path) -> None:
    """Resolve both locks; the second takes its versions from the first."""
    build = declarations((root / "pyproject.toml").read_bytes())["build"]
    wanted = [*build, EDITABLE_HOOK]
    compile_lock(root, wanted, RUN_LOCK)
    compile_lock(root, wanted, DEV_LOCK, "--extra", "dev", "--constraint", RUN_LOCK)


def main() -> int:
    """Write the locks, or with --check only say which are stale (exit 1)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a lock is stale")
    if not parser.parse_args().check:
        write_locks(ROOT)
        return 0
    pyproject = (ROOT / "pyproject.toml").read_bytes()
    old = [name for name in (RUN_LOCK, DEV_LOCK) if stale(pyproject, (ROOT / name).read_text())]
    for name in old:
        print(f"{name} was not made from this pyproject.toml: run `make lock` and commit it.", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
