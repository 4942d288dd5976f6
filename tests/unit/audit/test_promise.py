"""Promises: one signature for many receipts, each of which proves what was promised to its holder, and nothing else."""

import asyncio
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Promised, Receipt
from gateway.audit.promise import Promiser, check_promise, promise_text
from gateway.audit.receipt import format_receipt, parse_receipt
from gateway.tlog.note import COSIGNATURE, Signer, VerifierKey, parse_vkey
from tests.unit.audit.doubles import FaultyDisk, GatedDisk, an_exchange, opened

SIGNER = Signer("gateway.example/log/receipts", bytes(range(32)))
KEY = SIGNER.verifier
NOW_S = 1_700_000_000.75


def a_promiser(due_s: int = 60) -> Promiser:
    return Promiser(SIGNER, due_s, lambda: NOW_S)


def receipts(count: int) -> list[Receipt]:
    return [
        Receipt(sha256(bytes([0, number % 256, number // 256])).hexdigest(), "gw-1", 1, number)
        for number in range(count)
    ]


def rfc_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, word by word, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + rfc_root(leaves[:split]) + rfc_root(leaves[split:])).digest()


def rfc_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The definition of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*rfc_path(index, leaves[:split]), rfc_root(leaves[split:])]
    return [*rfc_path(index - split, leaves[split:]), rfc_root(leaves[:split])]


@pytest.mark.parametrize("count", [*range(1, 35), 100, 255, 256, 257, 1000])
def test_every_path_and_the_root_are_those_of_rfc_6962(count: int) -> None:
    given_out = a_promiser().promise(receipts(count))
    leaves = [bytes.fromhex(receipt.leaf_hash) for receipt in given_out]
    text = f"clausegate-receipt/v1\ngateway.example/log\n1700000060\n{count}\n{b64encode(rfc_root(leaves)).decode()}\n"
    assert promise_text("gateway.example/log", 1_700_000_060, count, rfc_root(leaves)) == text
    Ed25519PublicKey.from_public_bytes(KEY.public).verify(given_out[0].signature, text.encode())
    for index, promised in enumerate(given_out):
        assert list(promised.path) == rfc_path(index, leaves)
        assert (promised.index, promised.size, promised.due_s) == (index, count, 1_700_000_060)
        assert promised.place == receipts(count)[index].place
        assert check_promise(promised, KEY)


def test_a_promise_is_checked_with_nothing_but_the_vkey_and_the_header() -> None:
    header = format_receipt(a_promiser().promise(receipts(5))[3])
    parsed, key = parse_receipt(header), parse_vkey(KEY.text())
    assert isinstance(parsed, Promised)
    assert key is not None
    assert check_promise(parsed, key)


@given(st.integers(1, 40), st.data())
def test_a_promise_with_anything_changed_is_none(count: int, data: st.DataObject) -> None:
    promised = a_promiser().promise(receipts(count))[data.draw(st.integers(0, count - 1))]
    other = bytes([1]) * 32
    changes: list[dict[str, object]] = [
        {"leaf_hash": other.hex()},
        {"leaf_hash": "xyz"},
        {"leaf_hash": promised.leaf_hash[2:]},
        {"due_s": promised.due_s + 1},
        {"due_s": promised.due_s - 1},
        {"size": promised.size + 1},
        {"index": promised.index + 1},
        {"index": -1},
        {"path": (*promised.path, other)},
        {"signature": bytes(64)},
        {"signature": promised.signature[:-1]},
        {"signature": promised.signature + b"x"},
    ]
    if promised.path:
        changes += [{"path": promised.path[1:]}, {"path": (other, *promised.path[1:])}, {"path": promised.path[:-1]}]
    assert check_promise(promised, KEY)
    for change in changes:
        assert not check_promise(msgspec.structs.replace(promised, **change), KEY), change


@pytest.mark.parametrize(
    "key",
    [
        Signer("gateway.example/log/receipts", bytes(32)).verifier,
        Signer("other.example/log/receipts", bytes(range(32))).verifier,
        Signer("gateway.example/log", bytes(range(32))).verifier,
        VerifierKey(KEY.name, COSIGNATURE, KEY.public),
    ],
)
def test_a_promise_is_good_for_no_other_key(key: VerifierKey) -> None:
    assert not check_promise(a_promiser().promise(receipts(3))[0], key)


def test_a_key_of_another_purpose_signs_no_receipts() -> None:
    with pytest.raises(ValueError, match="receipts"):
        Promiser(Signer("gateway.example/log", bytes(32)), 60)


def promised(result: Receipt | LogFault) -> Promised:
    assert isinstance(result, Promised), result
    assert check_promise(result, KEY)
    return result


async def test_those_who_share_a_sync_share_a_signature(tmp_path: Path) -> None:
    disk = GatedDisk()
    writer = opened(tmp_path, disk=disk, promise=a_promiser())
    disk.entered.clear()
    disk.gate.clear()
    first = asyncio.ensure_future(writer.append_durable(an_exchange()))
    await asyncio.to_thread(disk.entered.wait, 10)
    others = [asyncio.ensure_future(writer.append_durable(an_exchange(number))) for number in range(9)]
    await asyncio.sleep(0)
    disk.gate.set()
    assert promised(await first).size == 1
    together = [promised(each) for each in await asyncio.gather(*others)]
    assert [each.index for each in together] == list(range(9))
    assert {(each.size, each.signature) for each in together} == {(9, together[0].signature)}
    writer.close()


async def test_nothing_is_promised_before_it_is_durable(tmp_path: Path) -> None:
    disk = FaultyDisk()
    signed: list[int] = []

    class Watched(Promiser):
        def promise(self, receipts: "list[Receipt]") -> list[Promised]:  # type: ignore[override]
            signed.append(disk.syncs)
            return super().promise(receipts)

    writer = opened(tmp_path, disk=disk, promise=Watched(SIGNER, 60))
    before = disk.syncs
    promised(await writer.append_durable(an_exchange()))
    assert signed == [before + 1]
    disk.fail("fdatasync", 5)
    assert isinstance(await writer.append_durable(an_exchange()), LogFault)
    assert signed == [before + 1], "what the disk refused is not promised"
    writer.close()


async def test_what_is_only_written_is_promised_by_turns_of_the_loop_and_without_a_sync(tmp_path: Path) -> None:
    disk = FaultyDisk()
    writer = opened(tmp_path, disk=disk, promise=a_promiser())
    before = disk.syncs
    for count in (1, 7):
        answers = await asyncio.gather(*(writer.append(an_exchange(number), "write") for number in range(count)))
        assert [(promised(each).index, promised(each).size) for each in answers] == [(n, count) for n in range(count)]
    assert disk.syncs == before
    writer.close()


async def test_a_caller_of_a_turn_that_goes_away_disturbs_nobody(tmp_path: Path) -> None:
    writer = opened(tmp_path, promise=a_promiser())
    going, staying = (asyncio.ensure_future(writer.append(an_exchange(number), "write")) for number in range(2))
    await asyncio.sleep(0)
    going.cancel()
    assert promised(await staying).index == 1
    writer.close()


async def test_a_fault_is_not_promised(tmp_path: Path) -> None:
    writer = opened(tmp_path, promise=a_promiser())
    assert isinstance(await writer.append(an_exchange(route="x" * 66_000), "write"), LogFault)
    assert isinstance(writer.append_written(an_exchange()), Receipt)
    writer.close()


def test_the_worked_example_of_the_documentation_holds() -> None:
    """Two leaf hashes, of bytes 0 and 1; checked with nothing but hashes and the public key."""
    pair = [Receipt(sha256(bytes([0, number])).hexdigest(), "gw-1", 1, number) for number in range(2)]
    one = a_promiser().promise(pair)[1]
    root = sha256(b"\x01" + b"".join(bytes.fromhex(each.leaf_hash) for each in pair)).digest()
    text = f"clausegate-receipt/v1\ngateway.example/log\n1700000060\n2\n{b64encode(root).decode()}\n"
    Ed25519PublicKey.from_public_bytes(b64decode(KEY.text().split("+", 2)[2])[1:]).verify(one.signature, text.encode())
