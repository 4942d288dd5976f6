"""A zip file that was made to do harm, or was damaged, is refused before it can do any."""

import struct
import zipfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.evidence.check import BundleReport, check_bundle
from tests.unit.evidence.sample import FROM, TO, fault_of, member, rewritten, some_hub


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_hub(tmp_path_factory.mktemp("hub")).make(from_time=FROM, until_time=TO)


def written(path: Path, members: list[tuple[str, bytes]], **options: Any) -> Path:
    with ZipFile(path, "w", **options) as bundle:
        for name, data in members:
            bundle.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "a/../b", "a//b", "./a", "a/", "C:\\evil", "a b", ".hidden", "tile/\u202etile"]
)
def test_odd_names_are_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    found = fault_of(written(tmp_path / "odd.zip", [("manifest.json", b"{}"), (name, b"x")]))
    assert (found.kind, found.member) == ("member", "")


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = written(tmp_path / "twice.zip", [("manifest.json", b"{}"), ("a", b"x"), ("a", b"y")])
    assert fault_of(path).kind == "member"


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    many = [(f"m{number}", bytes(8 << 20)) for number in range(12)]
    path = written(tmp_path / "bomb.zip", many, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    assert fault_of(path).kind == "size"


def test_a_directory_that_lies_about_a_size_does_not_help(sound: Path, tmp_path: Path) -> None:
    data = bytearray(sound.read_bytes())
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"records.jsonl"))
    [size] = struct.unpack_from("<I", data, at + 24)
    for lie in (size - 1, size + 1, 10):
        struct.pack_into("<I", data, at + 24, lie)
        path = tmp_path / "lie.zip"
        path.write_bytes(data)
        assert fault_of(path).kind in ("size", "unreadable", "hash")


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"not a zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_file_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert fault_of(path).kind == "unreadable"
    assert fault_of(tmp_path / "nothing.zip").kind == "unreadable"


def test_a_zip_file_of_something_else_is_no_bundle(tmp_path: Path) -> None:
    assert fault_of(written(tmp_path / "x.zip", [("a.txt", b"x")])).kind == "not-a-bundle"


def test_a_member_that_is_larger_than_its_kind_can_be_is_not_read(sound: Path, tmp_path: Path) -> None:
    for name in ("checkpoint", "vkey", "root/checkpoint", "anchors/key", "tile/0/000.p/31"):
        large = member(sound, name) + bytes(1 << 17)
        found = fault_of(rewritten(sound, {name: large}, tmp_path / "large.zip"))
        assert (found.kind, found.member) == ("size", name)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_not_every_tool_reads_are_refused(tmp_path: Path, method: int) -> None:
    found = fault_of(written(tmp_path / "x.zip", [("manifest.json", b"{}" * 1000)], compression=method))
    assert (found.kind, found.member) == ("member", "manifest.json")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_any_byte_of_the_file_is_found_or_changes_no_member(
    sound: Path, tmp_path: Path, place: float, mask: int
) -> None:
    data = bytearray(sound.read_bytes())
    data[int(place * len(data))] ^= mask
    path = tmp_path / "flipped.zip"
    path.write_bytes(data)
    found = check_bundle(path)
    if isinstance(found, BundleReport):
        with ZipFile(path) as changed, ZipFile(sound) as original:
            assert changed.namelist() == original.namelist()
            assert all(changed.read(name) == original.read(name) for name in original.namelist())
        assert found == check_bundle(sound)
