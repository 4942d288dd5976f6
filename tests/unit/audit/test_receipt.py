"""The receipt header, there and back; and what a promise proves."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.leaf import Promised, Receipt
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
        TEXT + ", " * 2000,
        TEXT.replace("seq=1042", "seq=1042\n"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    assert parse_receipt(text) is None


HASHES = st.binary(min_size=32, max_size=32)
PROMISED = Promised(
    RECEIPT.leaf_hash, "gw-1", 3, 1042, 1_763_946_010, 2, 5, (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32), b"\x04" * 64
)
PROMISE = (
    f"{TEXT}, due=@1763946010, size=5, index=2, path=("
    ":AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=: :AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=: "
    ":AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=:), "
    "sig=:BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA==:"
)
ALONE = msgspec.structs.replace(PROMISED, index=0, size=1, path=())


def test_a_promise_is_written_behind_the_receipt() -> None:
    assert format_receipt(PROMISED) == PROMISE
    assert "path" not in format_receipt(ALONE)


@given(st.lists(HASHES, max_size=30), st.integers(0, 10**6), st.integers(1, 10**6), st.binary(min_size=64, max_size=64))
def test_every_promise_comes_back_as_it_went(path: list[bytes], index: int, more: int, signature: bytes) -> None:
    promised = msgspec.structs.replace(
        PROMISED, index=index, size=index + more, path=tuple(path), signature=signature, due_s=more
    )
    assert parse_receipt(format_receipt(promised)) == promised


def test_members_of_a_promise_may_come_in_any_order_and_without_padding() -> None:
    members = [f"{part}:)" if "path" in part else part for part in PROMISE.split(":), ")]
    first, sig = members
    path_at = first.index("path=")
    assert parse_receipt(f"{sig},{first[path_at:]}, {first[:path_at].rstrip(', ')}") == PROMISED
    assert parse_receipt(re.sub(r"=+:(?=[,) ]|$)", ":", PROMISE)) == PROMISED


@pytest.mark.parametrize(
    "text",
    [
        PROMISE.replace(", due=@1763946010", ""),
        PROMISE.replace(", size=5", ""),
        PROMISE.replace(", index=2", ""),
        PROMISE[: PROMISE.index(", sig=")],
        TEXT + ", due=@1763946010",
        TEXT + PROMISE[PROMISE.index(", path=") : PROMISE.index(", sig=")],
        PROMISE.replace("due=@", "due="),
        PROMISE.replace("due=@", "due=@-"),
        PROMISE.replace("size=5", "size=@5"),
        PROMISE.replace("size=5", "size=2"),
        PROMISE.replace("size=5", "size=0"),
        PROMISE.replace("seq=1042", "seq=@1042"),
        PROMISE.replace("index=2", "index=-1"),
        PROMISE.replace("index=2", "index=:AQ==:"),
        PROMISE.replace("path=(", "path=(:AQ==: "),
        PROMISE.replace("AQEB", ""),
        PROMISE.replace("BAQE", "", 1),
        PROMISE.replace("sig=:BAQE", "sig=:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=:, x=:"),
        PROMISE.replace("path=(:", "path=(").replace("=:)", ")"),
        format_receipt(msgspec.structs.replace(PROMISED, path=(b"x" * 32,) * 31)),
    ],
)
def test_a_promise_that_is_not_whole_is_no_receipt(text: str) -> None:
    assert text != PROMISE
    assert parse_receipt(text) is None


@given(st.text(alphabet=PROMISE + "\n\t@()", max_size=120) | st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    for whole in (text, f"{TEXT}, {text}"):
        found = parse_receipt(whole)
        assert found is None or parse_receipt(format_receipt(found)) == found
