"""Every contract that records name is kept, whole and durably, and never changed afterwards."""

import hashlib
from functools import partial
from pathlib import Path

import pytest

from gateway.audit.contracts import ArchiveError, archive_contracts, read_contract
from gateway.audit.layout import writers_in

DOCUMENT = b'{"agreement":{},"policies":[],"products":[]}'
HASH = hashlib.sha256(DOCUMENT).hexdigest()


def test_a_contract_is_kept_under_its_hash_and_read_back(tmp_path: Path) -> None:
    assert read_contract(tmp_path, HASH) is None
    assert archive_contracts(tmp_path, [(HASH, lambda: DOCUMENT)]) == 1
    assert (tmp_path / "contracts" / f"{HASH}.json").read_bytes() == DOCUMENT
    assert read_contract(tmp_path, HASH) == DOCUMENT
    assert [path.name for path in (tmp_path / "contracts").iterdir()] == [f"{HASH}.json"]


def test_one_that_is_kept_already_is_neither_made_nor_written_again(tmp_path: Path) -> None:
    archive_contracts(tmp_path, [(HASH, lambda: DOCUMENT)])
    before = (tmp_path / "contracts" / f"{HASH}.json").stat()

    def never() -> bytes:
        raise AssertionError("it was asked for")

    assert archive_contracts(tmp_path, [(HASH, never)]) == 0
    assert (tmp_path / "contracts" / f"{HASH}.json").stat().st_ino == before.st_ino


def test_of_many_only_those_that_are_missing_are_written_and_one_is_made_at_a_time(tmp_path: Path) -> None:
    documents = {hashlib.sha256(data).hexdigest(): data for data in (b"%d" % number for number in range(20))}
    archive_contracts(tmp_path, [(name, partial(documents.__getitem__, name)) for name in list(documents)[:7]])
    made: list[str] = []

    def make(name: str) -> bytes:
        assert len(list((tmp_path / "contracts").glob("*.json"))) == 7 + len(made)
        made.append(name)
        return documents[name]

    assert archive_contracts(tmp_path, [(name, partial(make, name)) for name in documents]) == 13
    assert made == list(documents)[7:]


def test_bytes_that_have_another_hash_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="another hash"):
        archive_contracts(tmp_path, [(HASH, lambda: DOCUMENT + b" ")])
    assert read_contract(tmp_path, HASH) is None


def test_a_file_that_was_changed_is_not_taken_for_the_contract(tmp_path: Path) -> None:
    archive_contracts(tmp_path, [(HASH, lambda: DOCUMENT)])
    (tmp_path / "contracts" / f"{HASH}.json").write_bytes(DOCUMENT + b" ")
    assert read_contract(tmp_path, HASH) is None


@pytest.mark.parametrize("name", ["", "../x", HASH.upper(), HASH[:-1], f"{HASH}\n"])
def test_only_a_hash_makes_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        read_contract(tmp_path, name)


def test_a_place_that_is_no_folder_is_a_fault_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "contracts").write_bytes(b"")
    with pytest.raises(ArchiveError, match="cannot be written"):
        archive_contracts(tmp_path, [(HASH, lambda: DOCUMENT)])
    assert (tmp_path / "contracts").read_bytes() == b""


def test_the_archive_is_no_writer(tmp_path: Path) -> None:
    archive_contracts(tmp_path, [(HASH, lambda: DOCUMENT)])
    assert writers_in(tmp_path) == []
