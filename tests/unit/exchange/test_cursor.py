"""Cursors: sealed, bound to their place, and the same for the same place."""

from base64 import urlsafe_b64decode

from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.cursor import AFTER_BYTES_MAX, Cursors

CURSORS = Cursors(bytes(32))
places = st.binary(max_size=60)


@given(after=st.text(max_size=120), place=places, other=places)
def test_a_cursor_opens_where_it_was_sealed_and_nowhere_else(after: str, place: bytes, other: bytes) -> None:
    cursor = CURSORS.seal(after, place)
    assert CURSORS.open(cursor, place) == after
    assert CURSORS.seal(after, place) == cursor
    assert other == place or CURSORS.open(cursor, other) is None
    assert Cursors(bytes(31) + b"1").open(cursor, place) is None


@given(st.data())
def test_an_altered_cursor_opens_nowhere(data: st.DataObject) -> None:
    cursor = CURSORS.seal("S-1", b"here")
    position = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_"))
    altered = cursor[:position] + letter + cursor[position + 1 :]
    assert CURSORS.open(altered, b"here") == ("S-1" if altered == cursor else None)


@given(place=st.integers(0, 30), more=st.sampled_from(["=", "\n", "!", " ", "/"]))
def test_a_cursor_is_written_in_one_way(place: int, more: str) -> None:
    cursor = CURSORS.seal("S-1", b"here")
    assert CURSORS.open(cursor[:place] + more + cursor[place:], b"here") is None


@given(st.text(max_size=60))
def test_any_other_text_is_no_cursor(text: str) -> None:
    assert CURSORS.open(text, b"here") is None


def test_the_longest_place_fits_and_nothing_of_it_can_be_read() -> None:
    after = "canary" * (AFTER_BYTES_MAX // 6)
    cursor = CURSORS.seal(after, b"here")
    assert CURSORS.open(cursor, b"here") == after
    assert b"canary" not in urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
