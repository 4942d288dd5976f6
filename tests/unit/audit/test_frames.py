"""Frames and hashes, against the vectors of the standards that define them."""

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.frames import crc32c, frame, frame_at, frames, leaf_hash, tail_after

LEAF = b'{"v":1}'


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (
            bytes.fromhex("01c00000" + "00" * 12 + "14000000" + "00000400" + "00000014" + "00000018")
            + bytes.fromhex("28000000" + "00000000" + "02000000" + "00000000"),
            0xD9963A56,
        ),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_is_the_crc32c_of_rfc_3720_b4(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum


def test_the_checksum_is_computed_by_compiled_code() -> None:
    assert google_crc32c.implementation == "c"


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (b"\x00", "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
        (b"\x10", "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"),
        (b" !", "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7"),
    ],
)
def test_a_leaf_hash_is_that_of_rfc_6962(leaf: bytes, expected: str) -> None:
    assert leaf_hash(leaf) == expected


def test_a_frame_is_length_checksum_leaf() -> None:
    assert frame(LEAF).hex(" ") == "00 00 00 07 e8 a3 ba fd 7b 22 76 22 3a 31 7d"


def test_eight_zero_bytes_are_no_frame() -> None:
    assert frame_at(bytes(8), 0) is None
    assert list(frames(bytes(64))) == []


def test_a_length_over_the_limit_is_no_frame() -> None:
    leaf = b"x" * 65_536
    assert frame_at(frame(leaf), 0) is None
    assert list(frames(frame(leaf))) == []


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(0, 400))
def test_frames_end_where_the_bytes_are_cut(leaves: list[bytes], cut: int) -> None:
    data = b"".join(map(frame, leaves))
    found = [leaf for _, leaf in frames(data[:cut])]
    assert found == leaves[: len(found)]
    whole = len(b"".join(map(frame, found)))
    assert whole <= min(cut, len(data)) or not found
    assert tail_after(data[:cut], whole) == ("clean" if whole == min(cut, len(data)) else "torn")


@pytest.mark.parametrize(
    ("behind", "tail"),
    [
        (b"", "clean"),
        (b"\x00", "torn"),
        (bytes(5000), "torn"),
        (frame(LEAF)[:-1], "torn"),
        (frame(LEAF)[:-1] + b"!", "torn"),
        (b"\xff" + frame(LEAF)[1:], "torn"),
        (frame(LEAF)[:-1] + b"!" + frame(LEAF), "corrupt"),
        (b"\xff" + frame(LEAF)[1:] + frame(LEAF), "corrupt"),
        (frame(LEAF)[:-1] + frame(LEAF), "corrupt"),
        (bytes(100) + frame(LEAF), "corrupt"),
        (bytes(100) + frame(LEAF)[:-1], "torn"),
        (bytes(100) + frame(LEAF)[:-1] + b"!" + frame(LEAF) + b"torn", "corrupt"),
    ],
)
def test_a_whole_frame_behind_damage_tells_corruption_from_a_torn_tail(behind: bytes, tail: str) -> None:
    data = frame(LEAF) * 2
    assert tail_after(data + behind, len(data)) == tail
