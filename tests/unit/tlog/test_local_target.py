"""Files appear whole or not at all, nothing leads out of the folder, and flush leaves nothing behind."""

import os
import threading
from pathlib import Path

import pytest

from gateway.tlog.local_target import LocalTarget
from gateway.tlog.target import Target

PATH = "partners/swift/tile/0/x001/234.p/7"


def names_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def target(tmp_path: Path) -> LocalTarget:
    return LocalTarget(tmp_path / "not" / "there" / "yet")


def test_what_was_written_is_read_and_nothing_else_is_there(target: LocalTarget, tmp_path: Path) -> None:
    port: Target = target
    port.write(PATH, b"first")
    port.write(PATH, b"second")
    port.write("root/checkpoint", b"")
    port.flush()
    assert (port.read(PATH), port.read("root/checkpoint")) == (b"second", b"")
    assert names_below(tmp_path / "not/there/yet") == [PATH, "root/checkpoint"]


@pytest.mark.parametrize("path", ["root/vkey", "root", "partners/swift", f"{PATH}/more", "no/such/folder/at/all"])
def test_what_is_not_there_or_is_no_file_is_none(target: LocalTarget, path: str) -> None:
    target.write(PATH, b"x")
    assert target.read(path) is None


def test_reading_makes_nothing(target: LocalTarget, tmp_path: Path) -> None:
    assert target.read(PATH) is None
    target.remove([PATH])
    target.flush()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", ".hidden", "a/.tmp", "a\0b", "a/"]
)
def test_a_path_that_could_lead_elsewhere_is_refused(target: LocalTarget, path: str) -> None:
    with pytest.raises(OSError, match="no path of a published file"):
        target.read(path)
    with pytest.raises(OSError, match="no path of a published file"):
        target.write(path, b"x")
    with pytest.raises(OSError, match="no path of a published file"):
        target.remove([path])


def test_no_link_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    target = LocalTarget(tmp_path / "tree")
    target.write("root/vkey", b"x")
    (tmp_path / "tree" / "partners").symlink_to(tmp_path / "secret")
    (tmp_path / "tree" / "root" / "checkpoint").symlink_to(tmp_path / "secret" / "file")
    assert target.read("partners/file") is None
    with pytest.raises(OSError, match="symbolic links"):
        target.read("root/checkpoint")
    with pytest.raises(OSError, match="Not a directory"):
        target.write("partners/file", b"changed")
    target.remove(["partners/file"])
    target.write("root/checkpoint", b"new")  # the link itself is replaced
    assert target.read("root/checkpoint") == b"new"
    assert (tmp_path / "secret" / "file").read_bytes() == b"secret"


def test_removing_takes_the_folder_of_partial_tiles_once_it_is_empty(target: LocalTarget, tmp_path: Path) -> None:
    other = PATH.replace(".p/7", ".p/8")
    for path in (PATH, other):
        target.write(path, b"x")
    folder = (tmp_path / "not/there/yet" / PATH).parent
    target.remove([PATH, PATH.replace(".p/7", ".p/6")])
    assert folder.is_dir()
    target.remove([other, "no/such/file"])
    assert not folder.exists()
    assert folder.parent.is_dir()


def test_a_file_that_cannot_be_put_in_place_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    (tmp_path / "root" / "checkpoint").mkdir(parents=True)  # a folder has the name: the rename fails
    with pytest.raises(IsADirectoryError):
        target.write("root/checkpoint", b"x")
    assert os.listdir(tmp_path / "root") == ["checkpoint"]


def test_flush_asks_once_for_all_and_again_after_a_failure(tmp_path: Path) -> None:
    asked: list[int] = []
    broken = True

    def sync(descriptor: int) -> None:
        asked.append(descriptor)
        if broken:
            raise OSError(5, "Input/output error")

    target = LocalTarget(tmp_path, sync)
    target.write("a", b"1")
    target.write("b", b"2")
    with pytest.raises(OSError, match="Input/output"):
        target.flush()
    broken = False
    target.flush()
    assert len(asked) == 2
    target.flush()  # nothing was written since
    assert len(asked) == 2


def test_without_syncfs_every_file_and_folder_is_made_durable(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path / "tree", None)
    target.write(PATH, b"x")
    target.write("root/vkey", b"y")
    target.remove([PATH])
    target.flush()
    assert target.read("root/vkey") == b"y"


def test_many_threads_at_the_same_files_leave_whole_ones(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    content = os.urandom(300_000)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(30):
                path = f"tile/0/000.p/{number % 3 + 1}"
                target.write(path, content)
                assert target.read(path) in (content, None)
                target.remove([path])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert names_below(tmp_path) == []


def test_a_file_that_holds_the_bytes_already_stays_the_same_file_and_is_flushed_all_the_same(tmp_path: Path) -> None:
    """Put there anew it would not be durable for a while, under a checkpoint that somebody else has published."""
    asked: list[int] = []
    LocalTarget(tmp_path).write(PATH, b"x" * 1000)  # by one that died before it flushed
    before = (tmp_path / PATH).stat().st_ino
    target = LocalTarget(tmp_path, asked.append)
    target.write(PATH, b"x" * 1000)
    assert (tmp_path / PATH).stat().st_ino == before
    target.flush()
    assert len(asked) == 1
    for other in (b"y" * 1000, b"x" * 999, b"x" * 1001, b""):
        target.write(PATH, other)
        assert target.read(PATH) == other
        assert names_below(tmp_path) == [PATH]


@pytest.mark.timeout(10)
def test_what_is_no_file_is_replaced_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    os.mkfifo(tmp_path / "root" / "vkey")
    target = LocalTarget(tmp_path)
    target.write("root/vkey", b"x")
    assert target.read("root/vkey") == b"x"
