"""The receipt header, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.leaf import Receipt
from gateway.audit.receipt import format_receipt, parse_receipt

RECEIPT = Receipt("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "gw-1", 3, 1042)
TEXT = 'leaf=:bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=:, writer="gw-1", epoch=3, seq=1042'


def test_a_receipt_is_written_as_an_rfc_9651_dictionary() -> None:
    assert format_receipt(RECEIPT) == TEXT


@given(
    st.binary(min_size=32, max_size=32),
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    st.integers(0, 10**15 - 1),
    st.integers(0, 10**15 - 1),
)
def test_every_receipt_comes_back_as_it_went(digest: bytes, writer: str, epoch: int, seq: int) -> None:
    receipt = Receipt(digest.hex(), writer, epoch, seq)
    assert parse_receipt(format_receipt(receipt)) == receipt


@pytest.mark.parametrize(
    "text",
    [
        'seq=1042,epoch=3 ,\twriter="gw-1",  leaf=:bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=:',
        "seq=7, " + TEXT,
        TEXT.replace("=:,", ":,"),
        f"  {TEXT}  ",
    ],
)
def test_another_spelling_of_the_same_dictionary_is_the_same_receipt(text: str) -> None:
    assert parse_receipt(text) == RECEIPT


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        TEXT + ",",
        TEXT[1:],
        TEXT.replace("seq=1042", "seq=-1"),
        TEXT.replace("seq=1042", 'seq="1042"'),
        TEXT.replace("seq=1042", "seq=1042.0"),
        TEXT.replace("1042", "1" * 16),
        TEXT.replace("1042", "١"),
        TEXT.replace("gw-1", "../gw-1"),
        TEXT.replace("gw-1", ".."),
        TEXT.replace("gw-1", ""),
        TEXT.replace("bjQL", ""),
        TEXT.replace("bjQL", "bjQLbjQL"),
        TEXT.replace("bjQL", "bj*L"),
        TEXT.replace(", seq=1042", ""),
        TEXT + ", note=1",
        TEXT + ", " * 600,
        TEXT.replace("seq=1042", "seq=1042\n"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    assert parse_receipt(text) is None
