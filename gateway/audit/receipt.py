"""The `Clausegate-Receipt` header, an RFC 9651 dictionary.

Without a promise `leaf=:BASE64:, writer="gw-1", epoch=3, seq=1042`; with one, behind these four,
`due=@1763946010, size=5, index=2, path=(:BASE64: :BASE64:), sig=:BASE64:`, where `path` is left out when `size` is 1.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from gateway.audit.layout import is_writer_name
from gateway.audit.leaf import Promised, Receipt

_CHARACTERS_MAX: Final = 2048
_PATH_MAX: Final = 30
"""Records that become durable together are far fewer than 2 to this power."""
_HASH = ":[A-Za-z0-9+/]{42,43}=?:"
_MEMBER = re.compile(
    rf"""[ \t]*(?P<key>[a-z*][a-z0-9_.*-]*)=(?P<value>
        {_HASH} | :[A-Za-z0-9+/]{{86}}(?:==)?: | "[a-z0-9._-]{{1,64}}" | @?\d{{1,15}}
        | \([ ]*{_HASH}(?:[ ]+{_HASH}){{0,{_PATH_MAX - 1}}}[ ]*\) )
        [ \t]*(?P<end>,|\Z)""",
    re.VERBOSE | re.ASCII,
)
_PLAIN: Final = frozenset({"leaf", "writer", "epoch", "seq"})
_PROMISE: Final = frozenset({"due", "size", "index", "sig"})


def format_receipt(receipt: Receipt) -> str:
    """The header's value."""
    leaf = _bytes_text(bytes.fromhex(receipt.leaf_hash))
    plain = f'leaf={leaf}, writer="{receipt.writer}", epoch={receipt.epoch}, seq={receipt.seq}'
    if not isinstance(receipt, Promised):
        return plain
    path = f", path=({' '.join(map(_bytes_text, receipt.path))})" if receipt.path else ""
    return (
        f"{plain}, due=@{receipt.due_s}, size={receipt.size}, index={receipt.index}{path}, "
        f"sig={_bytes_text(receipt.signature)}"
    )


def parse_receipt(text: str) -> Receipt | None:
    """The receipt that a caller kept, members in any order: a Promised, or a Receipt of the four members alone.

    None for anything else: a promise that is not complete, a member too many, a value of another type, a text longer
    than 2048 characters. Of a member that comes twice the last counts (RFC 9651 section 4.2.2).
    """
    members = _members(text)
    if members is None or not members.keys() >= _PLAIN:
        return None
    leaf, writer = _bytes_of(members["leaf"]), members["writer"].strip('"')
    epoch, seq = _integer(members["epoch"]), _integer(members["seq"])
    if len(leaf) != 32 or members["writer"][0] != '"' or not is_writer_name(writer) or epoch is None or seq is None:
        return None
    if members.keys() == _PLAIN:
        return Receipt(leaf.hex(), writer, epoch, seq)
    if members.keys() - {"path"} != _PLAIN | _PROMISE:
        return None
    path = _path(members.get("path"))
    due_s, size, index = (
        _integer(members["due"].removeprefix("@")),
        _integer(members["size"]),
        _integer(members["index"]),
    )
    signature = _bytes_of(members["sig"])
    if path is None or due_s is None or size is None or index is None or len(signature) != 64:
        return None
    if members["due"][0] != "@" or not index < size:
        return None
    return Promised(leaf.hex(), writer, epoch, seq, due_s, index, size, path, signature)


def _members(text: str) -> Mapping[str, str] | None:
    """The members by key, as they are spelt; None when the text is no dictionary of ours."""
    if len(text) > _CHARACTERS_MAX:
        return None
    members: dict[str, str] = {}
    position, more = 0, True
    while more:
        found = _MEMBER.match(text, position)
        if found is None:
            return None
        members[found["key"]] = found["value"]
        position, more = found.end(), found["end"] == ","
    return members


def _path(value: str | None) -> tuple[bytes, ...] | None:
    """The hashes of an inner list; an absent one has none."""
    if value is None:
        return ()
    if value[0] != "(":
        return None
    path = tuple(map(_bytes_of, value[1:-1].split()))
    return path if all(len(each) == 32 for each in path) else None


def _bytes_text(value: bytes) -> str:
    return f":{b64encode(value).decode()}:"


def _bytes_of(value: str) -> bytes:
    """The bytes of a byte sequence; none for a value of another type. Absent padding is supplied (section 4.2.7)."""
    if value[0] != ":":
        return b""
    text = value[1:-1].rstrip("=")
    return b64decode(text + "=" * (-len(text) % 4))


def _integer(value: str) -> int | None:
    return int(value) if value.isdecimal() else None
