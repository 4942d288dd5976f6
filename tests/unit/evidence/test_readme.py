"""The README's own program checks the bundle with nothing of ours, and says so when it is not genuine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.evidence.bundle import OPTIONAL, REQUIRED
from tests.unit.evidence.sample import FROM, TO, member, rewritten, some_hub
from tests.unit.tlog.segment_log import KEYS

TREE = "partners/swift"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hub = some_hub(tmp_path_factory.mktemp("hub"), records=300)
    return hub.make(from_time=FROM, until_time=TO, receipts_vkey=KEYS.receipt_signer().verifier.text())


def script_of(bundle: Path) -> str:
    """The program that is typed in the README."""
    [script] = re.findall(r"```python\n(.*?)```", member(bundle, "README.md").decode(), re.DOTALL)
    return str(script)


def checked(bundle: Path, folder: Path, script: str) -> "subprocess.CompletedProcess[str]":
    """Runs it as a lawyer's computer would: no packages, an empty folder, the bundle by name."""
    folder.mkdir()
    (folder / "check.py").write_text(script)
    return subprocess.run(
        [sys.executable, "-I", "-S", "check.py", str(bundle)], cwd=folder, capture_output=True, text=True, check=False
    )


def signature_is_good(folder: Path, bundle: Path) -> bool:
    """The command that the README gives, word for word."""
    [command] = set(re.findall(r"^openssl .*$", member(bundle, "README.md").decode(), re.MULTILINE))
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Signature Verified Successfully" in done.stdout


def test_the_program_finds_every_record_in_the_signed_tree(sound: Path, tmp_path: Path) -> None:
    done = checked(sound, tmp_path / "a", script_of(sound))
    assert done.returncode == 0, done.stderr
    assert re.match(r"16 records are in the tree of 301 ", done.stdout)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no OpenSSL on this computer")
def test_openssl_verifies_the_signature_with_the_files_that_the_program_wrote(sound: Path, tmp_path: Path) -> None:
    assert checked(sound, tmp_path / "a", script_of(sound)).returncode == 0
    assert signature_is_good(tmp_path / "a", sound)
    text = (tmp_path / "a" / "checkpoint.text").read_bytes()
    (tmp_path / "a" / "checkpoint.text").write_bytes(text.replace(b"\n301\n", b"\n300\n"))
    assert not signature_is_good(tmp_path / "a", sound)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("records.jsonl", b'"status":200', b'"status":403'),
        ("records.jsonl", b'"index":6,', b'"index":7,'),
        ("records.jsonl", b'"leaf_hash":"', b'"leaf_hash":"0'),
        ("proofs.jsonl", b'"proof":["', b'"proof":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","'),
        ("checkpoint", b"\n301\n", b"\n30\n"),
        ("vkey", b"swift+", b"swift+0"),
    ],
)
def test_the_program_says_what_is_not_genuine(sound: Path, tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    data = member(sound, name)
    assert old in data
    script = script_of(sound)
    changed = {name: data.replace(old, new, 1)}
    for number, listed in enumerate((True, False)):
        bundle = rewritten(sound, dict(changed), tmp_path / f"{number}.zip", listed=listed)
        done = checked(bundle, tmp_path / str(number), script)
        assert done.returncode != 0
        if not listed:
            assert done.stderr == f"NOT GENUINE: {name} was changed\n"


def test_the_program_refuses_files_that_the_manifest_does_not_name(sound: Path, tmp_path: Path) -> None:
    bundle = rewritten(sound, {"more.txt": b"x"}, tmp_path / "x.zip", listed=False)
    assert "NOT GENUINE" in checked(bundle, tmp_path / "x", script_of(sound)).stderr


def test_the_readme_speaks_both_languages_and_names_every_file_and_figure(sound: Path) -> None:
    text = member(sound, "README.md").decode()
    english, chinese = text.split("# 中文\n")
    for name in (*REQUIRED, *OPTIONAL, "manifest.json", "contracts/", "tile/"):
        if name != "README.md":
            where = "root/" if name.startswith("root/") else name
            assert f"`{where}`" in english, name
            assert f"`{where}`" in chinese, name
    for part in (english, chinese):
        assert KEYS.verifier(TREE).text() in part
        assert FROM in part
        assert TO in part
        assert "clausegate verify evidence.zip" in part
        assert "openssl pkeyutl" in part
    assert "$" not in text
