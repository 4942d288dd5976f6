"""How a tree's checkpoints are anchored in the root log so that only its partner can tell which entries they are.

The n-th checkpoint (0, 1, 2 ...) of a tree is the root log entry `{"v":1,"tag":"<64 hex>","checkpoint":"<64 hex>"}`:
two HMACs (SHA-256) under the tree's blinding key, of "clausegate root tag v1" and n, and of "clausegate root checkpoint
v1", n and the checkpoint's note text, one a line. The tag says which checkpoint of whom it is, so a log that shows a
partner one history and the world another leaves a tag in the root log that the partner's list does not have.

That list stands beside the tree, 256 lines `n size root_index` a file: `anchors/000`, `anchors/001.p/17`.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from gateway.tlog.spelling import parse_decimal
from gateway.tlog.tiles import WIDTH, Fetch, TileError, index_path

FOLDER = "anchors"
LATEST = f"{FOLDER}/latest"
KEY = f"{FOLDER}/key"
_TAG = "clausegate root tag v1"
_CHECKPOINT = "clausegate root checkpoint v1"
_START = b'{"v":1,"tag":"'
_MIDDLE = b'","checkpoint":"'
_END = b'"}'
_HEX_BYTES = 64


class RootEntry(Struct, frozen=True):
    """An entry of the root log; both values are 64 hex digits."""

    tag: str
    checkpoint: str

    def encode(self) -> bytes:
        """The entry's bytes, the only spelling that is one."""
        return b"%s%s%s%s%s" % (_START, self.tag.encode(), _MIDDLE, self.checkpoint.encode(), _END)


class Anchor(Struct, frozen=True):
    """The `number`-th checkpoint of a tree, of `size` entries, is entry `root_index` of the root log."""

    number: int
    size: int
    root_index: int

    def line(self) -> str:
        """As it stands in the list."""
        return f"{self.number} {self.size} {self.root_index}\n"


class Pages(Struct, frozen=True):
    """Files of the list after it grew, by path below the tree's folder; `stale` partial ones are replaced by full."""

    files: dict[str, bytes]
    stale: tuple[str, ...]


def tag_of(key: bytes, number: int) -> str:
    """What marks the `number`-th checkpoint of the tree with this blinding key."""
    return _mac(key, f"{_TAG}\n{number}")


def commitment_of(key: bytes, number: int, checkpoint_text: str) -> str:
    """What commits to a checkpoint's note text (origin, size, root)."""
    return _mac(key, f"{_CHECKPOINT}\n{number}\n{checkpoint_text}")


def root_entry(key: bytes, number: int, checkpoint_text: str) -> RootEntry:
    """The entry of the root log for the `number`-th checkpoint of a tree."""
    return RootEntry(tag_of(key, number), commitment_of(key, number, checkpoint_text))


def parse_root_entry(entry: bytes) -> RootEntry | None:
    """The two values of an entry; None for any other bytes."""
    found = RootEntry(_hex_at(entry, len(_START)), _hex_at(entry, len(_START) + _HEX_BYTES + len(_MIDDLE)))
    return found if found.tag and found.checkpoint and found.encode() == entry else None


def format_key(key: bytes) -> bytes:
    """The file `anchors/key`."""
    return f"{key.hex()}\n".encode()


def parse_key(data: bytes) -> bytes | None:
    """The blinding key in a file `anchors/key`; None for other bytes."""
    text = _hex_at(data, 0)
    return bytes.fromhex(text) if text and data == f"{text}\n".encode() else None


def format_latest(count: int) -> bytes:
    """The file `anchors/latest`: how many lines the list has."""
    return f"{count}\n".encode()


def parse_latest(data: bytes) -> int | None:
    """The count in a file `anchors/latest`; None for other bytes."""
    text = data.decode("ascii", "replace")
    return parse_decimal(text[:-1]) if text.endswith("\n") else None


def page_path(index: int, width: int = WIDTH) -> str:
    """`anchors/x001/x234/067`, `anchors/000.p/17`."""
    partial = "" if width == WIDTH else f".p/{width}"
    return f"{FOLDER}/{index_path(index)}{partial}"


def parse_page_path(path: str) -> tuple[int, int] | None:
    """(index, width) of a page's path; None for any other text, non-canonical spellings included."""
    folder, _, rest = path.partition("/")
    name, partial, width_text = rest.partition(".p/")
    digits = name.replace("x", "").replace("/", "")
    # str.isdecimal takes digits of other scripts as well, which are no spelling of ours.
    if folder != FOLDER or not digits.isascii() or not digits.isdecimal() or len(digits) > 21:
        return None
    width = parse_decimal(width_text) if partial else WIDTH
    if width is None or not 0 < width <= WIDTH or (partial and width == WIDTH):
        return None
    return (int(digits), width) if page_path(int(digits), width) == path else None


def parse_page(data: bytes, first: int, width: int) -> list[Anchor] | None:
    """The lines `first` to `first + width - 1`; None when the page does not hold exactly those in order."""
    text = data.decode("ascii", "replace")
    lines = text.split("\n")
    if len(lines) != width + 1 or lines[-1]:
        return None
    anchors = [_parse_line(line) for line in lines[:-1]]
    found = [anchor for anchor in anchors if anchor is not None]
    in_order = [anchor.number for anchor in found] == list(range(first, first + width))
    return found if in_order else None


def extended_pages(count: int, partial: bytes, new: Sequence[Anchor]) -> Pages:
    """The pages that a list of `count` lines, whose last partial page is `partial`, gets by new lines."""
    index, width = divmod(count, WIDTH)
    lines = [*partial.decode("ascii").splitlines(keepends=True), *(anchor.line() for anchor in new)]
    files = {}
    for start in range(0, len(lines), WIDTH):
        page = lines[start : start + WIDTH]
        files[page_path(index + start // WIDTH, len(page))] = "".join(page).encode()
    full = len(lines) >= WIDTH
    return Pages(files, tuple(page_path(index, each) for each in range(1, width + 1)) if full else ())


def read_page(fetch: Fetch, index: int, width: int) -> list[Anchor]:
    """The first `width` lines of a page; a partial one may have been replaced by the full one. Raises TileError."""
    for found_width in dict.fromkeys((width, WIDTH)):
        path = page_path(index, found_width)
        data = fetch(path)
        if data is None:
            continue
        anchors = parse_page(data, index * WIDTH, found_width)
        if anchors is None:
            raise TileError(path, "not the anchors that should stand there")
        return anchors[:width]
    raise TileError(page_path(index, width), "not there")


def read_anchors(fetch: Fetch, count: int) -> Iterator[Anchor]:
    """The first `count` lines of a tree's list, in order. Raises TileError."""
    for start in range(0, count, WIDTH):
        yield from read_page(fetch, start // WIDTH, min(WIDTH, count - start))


def encoded(entries: Iterable[RootEntry]) -> list[bytes]:
    """Entries as they stand in the root log."""
    return [entry.encode() for entry in entries]


def _parse_line(line: str) -> Anchor | None:
    numbers = [parse_decimal(text) for text in line.split(" ")]
    if len(numbers) != 3 or None in numbers:
        return None
    number, size, root_index = (value for value in numbers if value is not None)
    return Anchor(number, size, root_index)


def _hex_at(data: bytes, start: int) -> str:
    """The 64 lower-case hex digits there; "" when there are none."""
    text = data[start : start + _HEX_BYTES]
    return text.decode() if len(text) == _HEX_BYTES and not text.strip(b"0123456789abcdef") else ""


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()
