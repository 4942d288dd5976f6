"""docs/audit.md: its worked examples are computed again with hashes, signatures and a CRC alone, not with our code."""

import base64
import hmac
import re
from hashlib import sha256
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.events import EVENTS, Event
from gateway.audit.leaf import Authority, Entry, Leaf, Place
from gateway.audit.receipt import format_receipt, parse_receipt
from gateway.audit.writer import Writer
from gateway.tlog.anchors import root_entry
from tests.conftest import ROOT
from tests.unit.audit.doubles import QUIET

PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ORIGIN, SEED = "example.com/log", bytes(range(32))
OPENED_US = 1_700_000_000_000_000


def block(start: str) -> str:
    """The one block of the page that begins so."""
    (found,) = [text for text in BLOCKS if text.startswith(start)]
    return str(found)


def found(pattern: str, text: str = PAGE) -> str:
    (value,) = re.findall(pattern, text)
    return str(value)


def crc32c(data: bytes) -> int:
    """RFC 3720 appendix B.4, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def key_id(name: str, public: bytes) -> bytes:
    """C2SP signed-note, for Ed25519."""
    return sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def vkey(name: str, public: bytes) -> str:
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


LEAF = block('{"v":2,"at":{"writer":"gw-1"').strip().replace("0{64}", "0" * 64).encode()
HASH = sha256(b"\x00" + LEAF)
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key()


def test_the_example_of_a_crc_is_that_of_the_rfc() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_the_frame_and_the_hash_of_the_record_by_hand() -> None:
    dump = block("00000000")
    rows = {
        int(at, 16): bytes.fromhex(row) for at, row in re.findall(r"^([0-9a-f]{8})  ((?:[0-9a-f]{2} ?){4})", dump, re.M)
    }
    assert rows == {0: len(LEAF).to_bytes(4), 4: crc32c(LEAF).to_bytes(4), 8: LEAF[:4]}
    assert found(r"leaf hash ([0-9a-f]{64})", dump) == HASH.hexdigest()
    assert found(r"is this leaf of (\d+) bytes") == str(len(LEAF))


def test_a_new_writer_writes_the_record_by_hand(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, "gw-1", now_us=lambda: OPENED_US, options=QUIET)
    assert isinstance(writer, Writer)
    writer.close()
    data = (tmp_path / "gw-1" / "00000001.seg").read_bytes()
    assert data == len(LEAF).to_bytes(4) + crc32c(LEAF).to_bytes(4) + LEAF
    command = found(r"`\(printf '\\0'; (tail [^)]+)\) \| sha256sum`")
    assert command == f"tail -c +9 00000001.seg | head -c {len(LEAF)}"


def test_the_checkpoint_is_signed_by_its_key() -> None:
    text, _, line = block(f"{ORIGIN}/hub\n").partition("\n\n")
    name, signature = found(r"— (\S+ \S+)", line).split(" ")
    blob, public = base64.b64decode(signature), PUBLIC.public_bytes_raw()
    assert text == f"{name}\n1\n{base64.b64encode(HASH.digest()).decode()}"
    assert blob[:4] == key_id(name, public)
    PUBLIC.verify(blob[4:], f"{text}\n".encode())
    assert found(r"its `vkey` is `(\S+)`") == vkey(name, public)


def test_the_receipt_is_signed_over_the_text_that_the_page_gives() -> None:
    header = " ".join(block("Clausegate-Receipt: ").removeprefix("Clausegate-Receipt: ").split())
    leaf = base64.b64decode(found(r"leaf=:([^:]+):", header))
    name, key = f"{ORIGIN}/receipts", base64.b64decode(found(rf"`{ORIGIN}/receipts\+[0-9a-f]{{8}}\+(\S+)`"))
    assert found(rf"`({ORIGIN}/receipts\+\S+)`") == vkey(name, key[1:])
    values = {"<due>": found(r"due=@(\d+)", header), "<size>": "1", "<root in base64>": base64.b64encode(leaf).decode()}
    text = block("clausegate-receipt/v1\n")
    for blank, value in values.items():
        assert text.count(blank) == 1, blank
        text = text.replace(blank, value)
    signer = Ed25519PublicKey.from_public_bytes(key[1:])
    signature = base64.b64decode(found(r"sig=:([^:]+):", header))
    signer.verify(signature, text.encode())
    with pytest.raises(InvalidSignature):
        signer.verify(signature, text.replace(ORIGIN, "example.com/other").encode())


def test_the_header_on_the_page_is_one_and_spelt_as_we_spell_it() -> None:
    header = " ".join(block("Clausegate-Receipt: ").removeprefix("Clausegate-Receipt: ").split())
    receipt = parse_receipt(header)
    assert receipt is not None
    assert format_receipt(receipt) == header


def test_the_entry_of_the_root_log_is_made_as_the_page_says() -> None:
    key, number, text = bytes(range(32)), 7, "example.com/log/hub\n1\nroot\n"
    template, tag, checkpoint = block('{"v":1,"tag"').splitlines()
    parts = {"number": str(number), "text of the checkpoint": text}
    made = []
    for line in (tag, checkpoint):
        message = found(r"HMAC-SHA-256\(key, (.*)\)$", line)
        pieces = [
            parts.get(piece.strip(), piece.strip().strip('"').replace("\\n", "\n")) for piece in message.split(" + ")
        ]
        made.append(hmac.digest(key, "".join(pieces).encode(), "sha256").hex())
    expected = template
    for value in made:
        expected = expected.replace("<64 hex>", value, 1)
    assert root_entry(key, number, text).encode() == expected.encode()


def test_every_type_and_every_event_has_its_row_and_no_other_has() -> None:
    types = set(re.findall(r"^\| `([a-z]+)` \|", PAGE.split("| `type` |")[1].split("\n\n")[0], re.M))
    assert types == {str(kind.__struct_config__.tag) for kind in get_args(Entry)}
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE.split("| event | meaning |")[1].split("\n\n")[0], re.M)
    assert dict(rows) == EVENTS
    assert set(EVENTS) == set(get_args(Event))


def test_every_event_is_written_somewhere() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "gateway").rglob("*.py") if path.name != "events.py"
    )
    assert [event for event in EVENTS if f'"{event}"' not in code] == []


def test_the_fields_of_a_leaf_stand_in_the_order_of_the_page() -> None:
    spelt = msgspec.json.encode(Leaf(2, Place("w", 1, 0, "p", 0), Authority(1, "key-created", "k"))).decode()
    names = re.findall(r'"(\w+)":', spelt)
    assert re.findall(r'"(\w+)"', found(r"A leaf is UTF-8 JSON: `(.*)`")) == names[: names.index("type") + 1]
