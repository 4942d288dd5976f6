"""The `Clausegate-Receipt` header: `leaf=:BASE64:, writer="gw-1", epoch=3, seq=1042` (RFC 9651 dictionary)."""

import re
from base64 import b64decode, b64encode

from gateway.audit.layout import is_writer_name
from gateway.audit.leaf import Receipt

_MEMBER = re.compile(
    r"""[ \t]*(?P<key>[a-z*][a-z0-9_.*-]*)=
        (?: :(?P<bytes>[A-Za-z0-9+/]{42,43}=?): | "(?P<string>[a-z0-9._-]{1,64})" | (?P<integer>\d{1,15}) )
        [ \t]*(?P<end>,|\Z)""",
    re.VERBOSE | re.ASCII,
)
_CHARACTERS_MAX = 512


def format_receipt(receipt: Receipt) -> str:
    """The header's value."""
    leaf = b64encode(bytes.fromhex(receipt.leaf_hash)).decode()
    return f'leaf=:{leaf}:, writer="{receipt.writer}", epoch={receipt.epoch}, seq={receipt.seq}'


def parse_receipt(text: str) -> Receipt | None:
    """The receipt that a caller kept, members in any order; None if the text is no receipt of ours."""
    if len(text) > _CHARACTERS_MAX:
        return None
    members: dict[str, re.Match[str]] = {}
    position, more = 0, True
    while more:
        found = _MEMBER.match(text, position)
        if found is None:
            return None
        members[found["key"]] = found
        position, more = found.end(), found["end"] == ","
    if members.keys() != {"leaf", "writer", "epoch", "seq"}:
        return None
    leaf, writer = members["leaf"]["bytes"], members["writer"]["string"]
    epoch, seq = members["epoch"]["integer"], members["seq"]["integer"]
    if leaf is None or writer is None or epoch is None or seq is None or not is_writer_name(writer):
        return None
    digest = b64decode(leaf.rstrip("=") + "=")  # RFC 9651 section 4.2.7: absent padding is supplied
    return Receipt(digest.hex(), writer, int(epoch), int(seq)) if len(digest) == 32 else None
