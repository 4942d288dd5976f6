"""The sidecar: commitments that can be opened with it and by nothing else, whatever happened to its files."""

import errno
import hmac
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.faults import LogFault
from gateway.audit.sidecar import FORGET_S, Opening, Sidecar, Subject, handle_of, openings, subject_text
from gateway.audit.sidecar_file import (
    KeyFrame,
    RecordFrame,
    all_files,
    file_name,
    key_frame,
    read_frames,
    record_frame,
)
from gateway.store.hidden import Hidden
from tests.unit.audit.commitments import opening, opens

SECRET = Hidden(bytes(range(32)))
BODY = b'{"data":[{"name":"\xe5\xbc\xa0*"}],"next":null}'
DIGEST = sha256(BODY).digest()


class Clock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class FailingWrite:
    """os.write, but for the calls that were told to fail or to take fewer bytes."""

    def __init__(self) -> None:
        self.then: list[int | OSError] = []

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self.then:
            return os.write(descriptor, data)
        told = self.then.pop(0)
        if isinstance(told, OSError):
            os.write(descriptor, data[: len(data) // 2])  # a disk that fills up takes a part before it refuses
            raise told
        return os.write(descriptor, data[:told])


@pytest.fixture
def made(tmp_path: Path) -> Sidecar:
    return Sidecar(tmp_path / "gw-1", SECRET, flush_s=None)


def committed(sidecar: Sidecar, *people: Subject, digest: bytes = DIGEST) -> str:
    payload = sidecar.commit(digest, people)
    assert isinstance(payload, str), payload
    return payload


def keys(folder: Path) -> list[KeyFrame]:
    return [
        frame for path in all_files(folder) for frame in read_frames(path.read_bytes()) if isinstance(frame, KeyFrame)
    ]


def test_whoever_is_given_the_key_of_a_record_can_check_its_body_with_the_standard_library(
    made: Sidecar, tmp_path: Path
) -> None:
    payload = committed(made, "cust-1", "cust-2")
    found = opening(tmp_path, payload)
    assert found is not None
    assert hmac.new(found.key, sha256(BODY).digest(), sha256).hexdigest() == payload
    assert opens(found, BODY)
    assert not opens(found, BODY + b" ")


def test_the_key_is_the_hash_of_the_salt_and_of_the_keys_in_the_order_of_their_ids(
    made: Sidecar, tmp_path: Path
) -> None:
    committed(made, "b", "a")
    payload = committed(made, "a", "b")
    *_, record = read_frames((tmp_path / "gw-1" / file_name(1)).read_bytes())
    assert isinstance(record, RecordFrame)
    assert record.ids == (0, 1)
    by_id = {frame.id: frame.key for frame in keys(tmp_path)}
    k = sha256(record.salt + by_id[0] + by_id[1]).digest()
    assert hmac.new(k, DIGEST, sha256).hexdigest() == payload


def test_no_two_commitments_to_the_same_data_about_the_same_people_are_alike(made: Sidecar) -> None:
    assert len({committed(made, "cust-1") for _ in range(1000)}) == 1000


def test_an_answer_about_nobody_is_committed_to_under_its_salt_alone(made: Sidecar, tmp_path: Path) -> None:
    found = opening(tmp_path, committed(made))
    assert found is not None
    assert opens(found, BODY)
    assert keys(tmp_path) == []


def test_the_key_of_one_record_opens_no_other_about_the_same_people(made: Sidecar, tmp_path: Path) -> None:
    first, second = committed(made, "cust-1"), committed(made, "cust-1")
    found = opening(tmp_path, first)
    assert found is not None
    assert not opens(Opening(bytes.fromhex(second), found.key), BODY)


def test_no_file_holds_a_subject_and_only_its_owner_may_read_them(made: Sidecar, tmp_path: Path) -> None:
    committed(made, "cust-10423", 13812345678, ("Zhang San", None))
    (file,) = all_files(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for value in (b"cust-10423", b"13812345678", b"Zhang"):
        assert value not in file.read_bytes()


def test_a_subject_has_one_key_as_long_as_it_is_known(made: Sidecar, tmp_path: Path) -> None:
    for _ in range(3):
        committed(made, "cust-1", "cust-2")
    assert [frame.handle for frame in keys(tmp_path)] == [handle_of(name, SECRET) for name in ("cust-1", "cust-2")]


def test_a_minute_after_it_was_seen_a_subject_is_forgotten_and_gets_another_key(tmp_path: Path) -> None:
    clock = Clock()
    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, monotonic_s=clock)
    sidecar.tick()
    first = committed(sidecar, "cust-1")
    clock.now_s += FORGET_S / 2
    sidecar.tick()
    committed(sidecar, "cust-1")
    assert len(keys(tmp_path)) == 1
    clock.now_s += FORGET_S / 2
    sidecar.tick()
    second = committed(sidecar, "cust-1")
    assert len({frame.key for frame in keys(tmp_path)}) == 2
    assert {found.commitment.hex() for found in openings(tmp_path, hashes(first, second))} == {first, second}


def test_no_more_subjects_are_in_memory_than_the_limit_and_every_record_can_be_opened(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, known_max=3)
    payloads = [committed(sidecar, f"a-{number}", f"b-{number}", "everybody") for number in range(20)]
    assert sum(opens(found, BODY) for found in openings(tmp_path, hashes(*payloads))) == 20


def test_one_answer_about_more_people_than_the_limit_can_be_opened(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, known_max=3)
    found = opening(tmp_path, committed(sidecar, *range(100)))
    assert found is not None
    assert opens(found, BODY)


def test_each_start_and_each_full_file_begin_another_with_keys_of_its_own(tmp_path: Path) -> None:
    payloads = []
    for _ in range(2):
        sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, file_bytes_max=200)
        payloads += [committed(sidecar, "cust-1") for _ in range(4)]
        sidecar.close()
    assert len(all_files(tmp_path)) == len({frame.key for frame in keys(tmp_path)}) == 4
    assert sum(opens(found, BODY) for found in openings(tmp_path, hashes(*payloads))) == 8


def test_nothing_is_committed_to_after_the_end(made: Sidecar) -> None:
    committed(made, "cust-1")
    made.close()
    assert made.commit(DIGEST, ["cust-1"]) == LogFault("stopped", "sidecar: closed")


@pytest.mark.parametrize("told", [OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken"), 30, 0])
def test_what_cannot_be_kept_is_not_committed_to_and_the_next_goes_to_a_new_file(
    tmp_path: Path, told: int | OSError
) -> None:
    write = FailingWrite()
    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, write=write)
    before = committed(sidecar, "cust-1")
    write.then = [told]
    fault = sidecar.commit(DIGEST, ["cust-2"])
    assert isinstance(fault, LogFault)
    assert fault.kind == "write-failed"
    assert "cust" not in fault.detail
    after = committed(sidecar, "cust-2", "cust-1")
    assert len(all_files(tmp_path)) == 2
    assert sum(opens(found, BODY) for found in openings(tmp_path, hashes(before, after))) == 2


def test_a_failed_sync_ends_the_service_of_data(tmp_path: Path) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, sync=fail)
    committed(sidecar, "cust-1")
    sidecar.tick()
    assert sidecar.commit(DIGEST, ["cust-1"]) == LogFault("stopped", "sidecar: fdatasync: EIO")


def test_what_was_written_is_synced_once_and_full_files_before_they_are_closed(tmp_path: Path) -> None:
    synced: list[str] = []

    def note(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None, sync=note, file_bytes_max=100)
    sidecar.tick()
    for _ in range(3):
        committed(sidecar, "a", "b")
    sidecar.tick()
    sidecar.tick()
    assert synced == [file_name(1), file_name(2), file_name(3)]
    sidecar.close()
    assert synced[3:] == [file_name(3)]


def test_a_file_that_is_deleted_underneath_is_noticed_and_another_begun(made: Sidecar, tmp_path: Path) -> None:
    committed(made, "cust-1")
    all_files(tmp_path)[0].unlink()
    made.tick()
    found = opening(tmp_path, committed(made, "cust-1"))
    assert found is not None
    assert opens(found, BODY)


def test_where_no_folder_can_be_made_nothing_is_committed_to(tmp_path: Path) -> None:
    (tmp_path / "gw-1").write_text("a file stands here")
    fault = Sidecar(tmp_path / "gw-1", SECRET, flush_s=None).commit(DIGEST, [])
    assert isinstance(fault, LogFault)
    assert fault.kind == "write-failed"


def test_the_thread_syncs_without_being_asked_and_ends_with_the_sidecar(tmp_path: Path) -> None:
    synced = Event()
    sidecar = Sidecar(tmp_path / "gw-1", SECRET, flush_s=0.01, sync=lambda _descriptor: synced.set())
    committed(sidecar, "cust-1")
    assert synced.wait(60)
    sidecar.close()
    assert "sidecar" not in [thread.name for thread in enumerate_threads()]


@pytest.mark.parametrize("payload", ["", "ab", "00" * 32])
def test_what_is_no_commitment_of_ours_has_no_opening(made: Sidecar, tmp_path: Path, payload: str) -> None:
    committed(made, "cust-1")
    assert opening(tmp_path, payload) is None


def test_a_sidecar_that_is_not_there_opens_nothing(tmp_path: Path) -> None:
    assert list(openings(tmp_path / "nowhere", {bytes(32)})) == []


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("cust-1", "cust-1"),
        (7, "7"),
        (7.0, "7"),
        (True, "1"),
        (1.5, "1.5"),
        (("a", 7, None), '["a","7",null]'),
        ("张三", "张三"),
    ],
)
def test_a_subject_is_named_as_people_would_write_it(subject: Subject, text: str) -> None:
    assert subject_text(subject) == text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53), st.booleans())
def test_values_that_are_equal_have_one_name(value: float, as_float: bool) -> None:
    same: Callable[[float], float] = float if as_float else lambda number: number
    assert subject_text(value) == subject_text(same(value))


@given(
    st.lists(
        st.one_of(
            st.builds(
                KeyFrame,
                st.integers(0, 2**32 - 1),
                st.binary(min_size=16, max_size=16).filter(any),
                st.binary(min_size=16, max_size=16).filter(any),
            ),
            st.builds(
                RecordFrame,
                st.binary(min_size=32, max_size=32),
                st.binary(min_size=16, max_size=16),
                st.lists(st.integers(0, 2**32 - 1), max_size=20).map(tuple),
            ),
        ),
        max_size=8,
    ),
    st.integers(0, 10_000),
    st.binary(max_size=60),
)
def test_frames_are_read_as_they_were_written_up_to_where_a_write_ended(
    frames: list[KeyFrame | RecordFrame], cut: int, garbage: bytes
) -> None:
    written = [encoded(frame) for frame in frames]
    data = b"".join(written)
    assert list(read_frames(data)) == frames
    torn = data[: cut % (len(data) + 1)]
    whole = [frame for number, frame in enumerate(frames) if len(b"".join(written[: number + 1])) <= len(torn)]
    assert list(read_frames(torn)) == whole
    assert list(read_frames(data + bytes(100))) == frames
    assert list(read_frames(data + garbage))[: len(frames)] == frames  # and never raises


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    list(read_frames(data))


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_damaged_key_is_no_key(at: int, change: int) -> None:
    data = bytearray(key_frame(7, bytes(range(1, 17)), bytes(range(17, 33))))
    data[at] ^= change
    assert list(read_frames(bytes(data))) == []


def encoded(frame: KeyFrame | RecordFrame) -> bytes:
    if isinstance(frame, KeyFrame):
        return key_frame(frame.id, frame.handle, frame.key)
    ids = b"".join(number.to_bytes(4) for number in frame.ids)
    return record_frame(frame.commitment, frame.salt, len(frame.ids), ids)


def hashes(*payloads: str) -> set[bytes]:
    return {bytes.fromhex(payload) for payload in payloads}
