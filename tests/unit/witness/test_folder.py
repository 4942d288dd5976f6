"""A witness's memory: one process, one key, and no file that it has not written."""

import os
import stat
from pathlib import Path

import pytest

from gateway.tlog.checkpoint import cosigned, parse_checkpoint
from gateway.tlog.note import COSIGNATURE, Note, Signer
from gateway.witness.folder import (
    EVIDENCE_FILES_MAX,
    FolderError,
    UncertainError,
    checkpoint_name,
    open_folder,
    read_key,
    replace_durably,
)
from tests.unit.witness.growing import ORIGIN, OTHER, GrowingLog

NAME = "witness.example/w1"


def note_by(signer: Signer, log: GrowingLog, size: int) -> Note:
    signed = parse_checkpoint(log.checkpoint(size))
    assert signed is not None
    return cosigned(signed.note, [signer.sign(signed.note.text, 1_700_000_000)])


def test_a_new_folder_gets_a_key_that_is_its_owners_alone(tmp_path: Path) -> None:
    opened = open_folder(tmp_path / "w", NAME)
    opened.close()
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "w" / "key").stat().st_mode) == 0o600
    assert opened.signer.verifier.kind == COSIGNATURE
    assert opened.signer.verifier.name == NAME


def test_the_key_stays_the_same(tmp_path: Path) -> None:
    first = open_folder(tmp_path, NAME)
    first.close()
    again = open_folder(tmp_path, None)
    again.close()
    assert again.signer.verifier == first.signer.verifier


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        opened = open_folder(tmp_path / name, NAME)
        opened.close()
        keys.add(opened.signer.verifier.public)
    assert len(keys) == 2


def test_two_processes_cannot_share_a_folder(tmp_path: Path) -> None:
    opened = open_folder(tmp_path, NAME)
    with pytest.raises(FolderError, match="another process"):
        open_folder(tmp_path, NAME)
    opened.close()
    open_folder(tmp_path, NAME).close()


def test_the_key_can_be_read_while_a_process_works(tmp_path: Path) -> None:
    opened = open_folder(tmp_path, NAME)
    signer = read_key(tmp_path)
    assert signer is not None
    assert signer.verifier == opened.signer.verifier
    opened.close()


@pytest.mark.parametrize("name", [None, "", "with space", "with+plus"])
def test_a_new_folder_needs_a_name_that_a_key_can_have(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(FolderError, match="name"):
        open_folder(tmp_path, name)
    assert not (tmp_path / "key").exists()


def test_another_name_needs_another_folder(tmp_path: Path) -> None:
    open_folder(tmp_path, NAME).close()
    with pytest.raises(FolderError, match="a new name needs a new folder"):
        open_folder(tmp_path, "witness.example/w2")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    open_folder(tmp_path, NAME).close()
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(FolderError, match="others may read"):
        open_folder(tmp_path, NAME)


@pytest.mark.parametrize("text", ["", "x", f"{NAME}\n", f"{NAME}\n00\n", f"{NAME}\n{'g' * 64}\n", f"\n{'0' * 64}\n"])
def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path, text: str) -> None:
    open_folder(tmp_path, NAME).close()
    (tmp_path / "key").write_text(text)
    with pytest.raises(FolderError, match="holds no key"):
        open_folder(tmp_path, NAME)
    assert (tmp_path / "key").read_text() == text


def test_no_new_key_is_made_beside_old_checkpoints(tmp_path: Path) -> None:
    opened = open_folder(tmp_path, NAME)
    opened.save(ORIGIN, note_by(opened.signer, GrowingLog(), 3))
    opened.close()
    (tmp_path / "key").unlink()
    with pytest.raises(FolderError, match="the file key is gone"):
        open_folder(tmp_path, NAME)


def test_what_was_saved_is_loaded_by_origin(tmp_path: Path) -> None:
    opened = open_folder(tmp_path, NAME)
    for origin, size in ((ORIGIN, 3), (OTHER, 9), (ORIGIN, 5)):
        opened.save(origin, note_by(opened.signer, GrowingLog(origin), size))
    opened.close()
    found = open_folder(tmp_path, NAME)
    assert {origin: signed.checkpoint.size for origin, signed in found.load().items()} == {ORIGIN: 5, OTHER: 9}
    found.close()


@pytest.mark.parametrize("damage", ["cut", "root", "size", "renamed", "signature"])
def test_a_checkpoint_that_this_witness_did_not_write_so_is_refused(tmp_path: Path, damage: str) -> None:
    opened = open_folder(tmp_path, NAME)
    opened.save(ORIGIN, note_by(opened.signer, GrowingLog(), 3))
    file = tmp_path / checkpoint_name(ORIGIN)
    data = file.read_bytes()
    if damage == "renamed":
        file.rename(tmp_path / checkpoint_name(OTHER))
    elif damage == "signature":
        file.write_bytes(GrowingLog().checkpoint(3))
    else:
        other = {"cut": data[:-9], "root": data.replace(b"=\n", b"A=\n", 1), "size": data.replace(b"\n3\n", b"\n2\n")}
        assert other[damage] != data
        file.write_bytes(other[damage])
    with pytest.raises(FolderError, match="not as this witness wrote it"):
        opened.load()
    opened.close()


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    open_folder(tmp_path, NAME).close()
    (tmp_path / ".new-0123456789abcdef").write_bytes(b"half a check")
    opened = open_folder(tmp_path, NAME)
    assert opened.load() == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "lock"]
    opened.close()


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        replace_durably(tmp_path / "gone" / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_may_have_been_replaced_is_uncertain(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()  # a folder of this name cannot be replaced by a file
    with pytest.raises(UncertainError):
        replace_durably(tmp_path / "file", b"new")


def test_evidence_is_kept_once_and_not_without_end(tmp_path: Path) -> None:
    opened = open_folder(tmp_path, NAME)
    assert opened.keep_evidence("fork-a.json", b"first")
    assert opened.keep_evidence("fork-a.json", b"second")
    assert (tmp_path / "evidence" / "fork-a.json").read_bytes() == b"first"
    for number in range(EVIDENCE_FILES_MAX):
        (tmp_path / "evidence" / f"inconsistent-{number}.json").touch()
    assert not opened.keep_evidence("inconsistent-more.json", b"")
    assert opened.keep_evidence("fork-b.json", b"room is there for what proves more")
    assert len(os.listdir(tmp_path / "evidence")) == EVIDENCE_FILES_MAX + 2
    opened.close()
