"""Bytes that are nearly right, for parsers."""

from hypothesis import strategies as st


def nearly(right: bytes) -> st.SearchStrategy[bytes]:
    """`right` with a few places cut out, doubled or overwritten by what is likely to matter, or with anything."""
    pieces = st.sampled_from(
        [b"", b"\n", b"\n\n", b"\r", b" ", b"+", b"=", b"0", b"00", b"-", b"A", b"\xc2\xa0", b"\xff", "— ".encode()]
    ) | st.binary(max_size=3)
    edit = st.tuples(st.integers(0, len(right)), st.integers(0, 4), pieces)
    return st.lists(edit, min_size=1, max_size=3).map(lambda edits: _edited(right, edits))


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, piece in edits:
        data = data[:start] + piece + data[start + length :]
    return data
