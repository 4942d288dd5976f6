"""That files were replaced is noticed however it was done, once they stand still."""

import os
from pathlib import Path

from gateway.file_stamp import Replaced, stamp_of


def test_files_are_to_be_read_anew_once_after_each_change_when_they_have_stood_still(tmp_path: Path) -> None:
    pair = [tmp_path / "a", tmp_path / "b"]
    for file in pair:
        file.write_bytes(b"1")
    replaced = Replaced(map(str, pair))
    assert [replaced.look() for _ in range(3)] == [False] * 3
    pair[0].write_bytes(b"22")
    assert not replaced.look()
    pair[1].write_bytes(b"22")
    assert [replaced.look() for _ in range(4)] == [False, True, False, False]
    pair[1].unlink()
    assert [replaced.look() for _ in range(3)] == [False, True, False]


def test_another_file_of_the_same_size_and_time_and_what_a_link_leads_to_now_are_changes(tmp_path: Path) -> None:
    first, second, link = tmp_path / "1", tmp_path / "2", tmp_path / "link"
    for file in (first, second):
        file.write_bytes(b"same")
        os.utime(file, ns=(1, 1))
    link.symlink_to(first)
    before = stamp_of(link)
    link.unlink()
    link.symlink_to(second)
    assert stamp_of(link) not in (None, before)
    assert stamp_of(tmp_path / "gone") is None
