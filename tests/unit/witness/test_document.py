"""The program in docs/witness.md, with which anybody checks evidence, does what the page says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.tlog.note import parse_vkey
from gateway.witness.folder import open_folder
from gateway.witness.judge import prefix_root
from gateway.witness.protocol import Submission, parse_submission
from gateway.witness.witness import Witness, keys_by_origin
from tests.conftest import ROOT
from tests.unit.witness.growing import GrowingLog

LOG, FORK = GrowingLog(), GrowingLog(forked_at=3)
PAGE = (ROOT / "docs" / "witness.md").read_text(encoding="utf-8")


def evidence_of(folder: Path, old: int, body: bytes, prefix: bytes | None = None) -> Path:
    """What a witness keeps that has cosigned `old` records of the honest log and is sent a body."""
    opened = open_folder(folder, "witness.example/w1")
    key, plain = parse_vkey(LOG.vkey), parse_submission(body)
    assert key is not None
    assert plain is not None
    witness = Witness(opened, opened.signer, keys_by_origin([key]), lambda: 1_700_000_000)
    witness.add_checkpoint(LOG.body(0, old))
    witness.submit(Submission(plain.old_size, plain.proof, plain.signed, prefix))
    opened.close()
    (file,) = (folder / "evidence").iterdir()
    return file


def program(file: Path) -> "subprocess.CompletedProcess[str]":
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return subprocess.run([sys.executable, "-c", source, str(file)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("old", "new", "read"), [(5, 5, False), (5, 9, False), (6, 300, False), (4, 9, True)])
def test_a_fork_is_confirmed(tmp_path: Path, old: int, new: int, read: bool) -> None:
    file = evidence_of(tmp_path, old, FORK.body(old, new), FORK.root(old) if read else None)
    ended = program(file)
    assert ended.stdout == "the log has signed two trees that exclude each other\n", ended.stderr


@pytest.mark.parametrize("changed", ["offered", "cosigned", "proof", "prefix_root"])
def test_what_was_tampered_with_is_not(tmp_path: Path, changed: str) -> None:
    file = evidence_of(tmp_path, 5, FORK.body(5, 9))
    found = json.loads(file.read_bytes())
    honest = LOG.body(5, 9)
    asked = parse_submission(honest)
    assert asked is not None
    if changed in ("offered", "cosigned"):
        found[changed] = found[changed].replace("\n9\n", "\n8\n").replace("\n5\n", "\n4\n")
    elif changed == "proof":
        found["proof"] = found["proof"][:-1]
    else:
        assert prefix_root(asked) == LOG.root(5)
        found["prefix_root"] = found["cosigned"].split("\n")[2]
    file.write_text(json.dumps(found))
    assert "exclude each other" not in program(file).stdout


def test_every_member_of_evidence_is_in_the_page(tmp_path: Path) -> None:
    file = evidence_of(tmp_path, 5, FORK.body(5, 9))
    members = set(json.loads(file.read_bytes())) - {"v"}
    assert all(f"`{member}`" in PAGE for member in members)
