"""The body of add-checkpoint, in one spelling only."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.witness.protocol import encode_size, encode_submission, parse_size, parse_submission
from tests.unit.witness.growing import GrowingLog

EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""  # noqa: E501 - typed from the specification
HASH = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw="


def test_the_example_of_the_specification_is_read() -> None:
    found = parse_submission(EXAMPLE.encode())
    assert found is not None
    assert found.old_size == 20852014
    assert len(found.proof) == 4
    assert found.proof[2] == base64.b64decode("5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=")
    assert found.signed.checkpoint.origin == "example.com/behind-the-sofa"
    assert found.signed.checkpoint.size == 20852163
    assert len(found.signed.note.signatures) == 2


def test_what_is_written_is_the_example_again() -> None:
    found = parse_submission(EXAMPLE.encode())
    assert found is not None
    assert encode_submission(found.old_size, found.proof, found.signed.note) == EXAMPLE.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("old 20852014\n", ""),
        ("old 20852014", "old  20852014"),
        ("old 20852014", "old 020852014"),
        ("old 20852014", "old +20852014"),
        ("old 20852014", "old -1"),
        ("old 20852014", "old 0x10"),
        ("old 20852014", "old ２０"),
        ("old 20852014", "OLD 20852014"),
        ("old 20852014", "old 20852014 "),
        ("old 20852014", f"old {1 << 63}"),
        ("old 20852014\n", "old 20852014\r\n"),
        (HASH, HASH + " "),
        (HASH, HASH.replace("=", "")),
        (HASH, HASH.replace("aw=", "ax=")),
        (HASH, "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpka=="),
        (f"{HASH}\n", f"{HASH}\n" * 61),
        ("\n\nexample", "\nexample"),
        ("\n\nexample", "\n\n\nexample"),
        ("20852163", "020852163"),
        ("YQ8=\n", "YQ8="),
        ("—", "-"),
    ],
)
def test_any_other_spelling_is_no_request(before: str, after: str) -> None:
    assert before in EXAMPLE
    assert parse_submission(EXAMPLE.replace(before, after, 1).encode()) is None


def test_sixty_three_hashes_are_read_and_no_more() -> None:
    most = EXAMPLE.replace(f"{HASH}\n", f"{HASH}\n" * 60)
    assert parse_submission(most.encode()) is not None
    assert parse_submission(most.replace("old 20852014\n", f"old 20852014\n{HASH}\n").encode()) is None


def test_a_body_over_the_limit_is_no_request() -> None:
    log = GrowingLog()
    note = log.checkpoint(3, extension="x" * 65_536 + "\n")
    assert parse_submission(log.body(0, 3, note=note)) is None


@given(st.binary(max_size=200) | st.integers(0, len(EXAMPLE) - 1).map(lambda at: EXAMPLE.encode()[:at]))
def test_bytes_are_refused_or_written_again_exactly(data: bytes) -> None:
    found = parse_submission(data)
    assert found is None or encode_submission(found.old_size, found.proof, found.signed.note) == data


@given(st.data())
def test_a_changed_byte_is_refused_or_kept(data: st.DataObject) -> None:
    body = bytearray(EXAMPLE.encode())
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found = parse_submission(bytes(body))
    assert found is None or encode_submission(found.old_size, found.proof, found.signed.note) == bytes(body)


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"5", b"05\n", b"5\n\n", b" 5\n", b"5\r\n", b"-5\n", b"\xff\n", b"5\n6\n"]
)
def test_another_body_of_a_409_names_no_size(body: bytes) -> None:
    assert parse_size(body) is None


@given(st.integers(0, (1 << 63) - 1))
def test_a_size_is_read_as_it_was_written(size: int) -> None:
    assert parse_size(encode_size(size)) == size
