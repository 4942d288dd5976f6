"""Base64 and decimals have one spelling each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.spelling import base64_text, decode_lines, parse_base64, parse_decimal, parse_hash


@pytest.mark.parametrize(
    ("text", "value"), [("", b""), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("Zm9vYmFy", b"foobar")]
)
def test_base64_is_that_of_rfc_4648_section_10(text: str, value: bytes) -> None:
    assert base64_text(value) == text
    assert parse_base64(text) == value


@pytest.mark.parametrize(
    "text", ["Zg", "Zg=", "Zh==", "Zm9=", " Zg==", "Zg==\n", "Zg== ", "Z\ng==", "-_8=", "Zg===", "é"]
)
def test_another_spelling_of_base64_is_refused(text: str) -> None:
    assert parse_base64(text) is None


@given(st.text(max_size=8) | st.text("ABwxyz+/=", max_size=8))
def test_base64_is_the_only_spelling_of_its_value(text: str) -> None:
    value = parse_base64(text)
    assert value is None or base64_text(value) == text


def test_a_hash_has_thirty_two_bytes() -> None:
    assert parse_hash(base64_text(bytes(32))) == bytes(32)
    assert parse_hash(base64_text(bytes(31))) is None
    assert parse_hash(base64_text(bytes(33))) is None


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("1", 1), ("70", 70), ("20852163", 20852163), ("9223372036854775807", 2**63 - 1)]
)
def test_a_decimal_is_read(text: str, value: int) -> None:
    assert parse_decimal(text) == value


@pytest.mark.parametrize(
    "text", ["", "00", "01", "-1", "+1", " 1", "1 ", "1\n", "1_0", "٣", "1.0", "0x1", "9223372036854775808", "9" * 5000]
)
def test_another_spelling_of_a_number_is_refused(text: str) -> None:
    assert parse_decimal(text) is None


@pytest.mark.parametrize("data", [b"", b"a", b"a\r\n", b"a\tb\n", b"\x00\n", b"\xff\n", b"\xed\xa0\x80\n", b"a\x1f\n"])
def test_lines_end_and_have_no_other_control_characters(data: bytes) -> None:
    assert decode_lines(data) is None


def test_lines_may_have_any_other_character() -> None:
    assert decode_lines("— é 中\n\n".encode()) == "— é 中\n\n"
