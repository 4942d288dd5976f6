"""The sidecar says by handles whom records are about, for as long as it knows."""

import os
from hashlib import sha256
from pathlib import Path

from gateway.audit.erasing import destroy, find
from gateway.audit.sidecar import Sidecar, handle_of
from gateway.audit.sidecar_people import handles_of
from gateway.store.hidden import Hidden

SECRET = Hidden(bytes(range(32)))
NOBODY: tuple[bytes, ...] = ()


def committed(sidecar: Sidecar, *people: str) -> bytes:
    said = sidecar.commit(sha256(repr(people).encode()).digest(), people)
    assert isinstance(said, str)
    return bytes.fromhex(said)


def opened(folder: Path, writer: str = "gw-1", file_bytes_max: int = 1 << 20) -> Sidecar:
    return Sidecar(folder / writer, SECRET, flush_s=None, file_bytes_max=file_bytes_max)


def handles(*people: str) -> set[bytes]:
    return {handle_of(person, SECRET) for person in people}


def test_each_record_is_found_with_its_people_in_whichever_file_and_of_whichever_writer(tmp_path: Path) -> None:
    first, second = opened(tmp_path, file_bytes_max=200), opened(tmp_path, "gw-2")
    said = {committed(first, "a", "b"): handles("a", "b"), committed(first, "b", "c"): handles("b", "c")}
    said |= {committed(first, "a"): handles("a"), committed(second, "c"): handles("c"), committed(second): set()}
    unwanted = committed(first, "z")
    assert len(list((tmp_path / "gw-1").iterdir())) > 1
    found = dict(handles_of(tmp_path, set(said)))
    assert unwanted not in found
    assert {commitment: set(people) for commitment, people in found.items()} == said


def test_values_that_are_one_subject_stand_as_often_as_they_were_counted(tmp_path: Path) -> None:
    sidecar = opened(tmp_path)
    said = sidecar.commit(bytes(32), [7, "7"])
    assert isinstance(said, str)
    ((_, people),) = handles_of(tmp_path, {bytes.fromhex(said)})
    assert people == (handle_of("7", SECRET),) * 2


def test_somebody_who_was_erased_has_no_handle_any_more(tmp_path: Path) -> None:
    sidecar = opened(tmp_path)
    both, gone = committed(sidecar, "a", "b"), committed(sidecar, "a")
    destroy(find(tmp_path, ["a"], SECRET).places, "keys")
    assert dict(handles_of(tmp_path, {gone})) == {gone: (handle_of("a", SECRET),)}
    destroy(find(tmp_path, ["a"], SECRET).places, "handles")
    assert dict(handles_of(tmp_path, {both, gone})) == {both: (handle_of("b", SECRET),), gone: NOBODY}


def test_what_no_file_knows_is_not_found_and_a_sidecar_that_is_gone_knows_nothing(tmp_path: Path) -> None:
    committed(opened(tmp_path), "a")
    assert list(handles_of(tmp_path, {bytes(32)})) == []
    assert list(handles_of(tmp_path / "gone", {bytes(32)})) == []


def test_files_that_were_not_written_for_long_are_not_read(tmp_path: Path) -> None:
    old, new = opened(tmp_path, "gw-1"), opened(tmp_path, "gw-2")
    before, after = committed(old, "a"), committed(new, "b")
    (file,) = (tmp_path / "gw-1").iterdir()
    os.utime(file, (1_000_000, 1_000_000))
    assert {found for found, _ in handles_of(tmp_path, {before, after}, 1_000_000 + 3601)} == {after}
    assert {found for found, _ in handles_of(tmp_path, {before, after}, 1_000_000 + 3599)} == {before, after}
