"""From a leaf hash to its proof: found, waited for, or not there."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.note import verified
from gateway.tlog.proof import parse_proof
from gateway.tlog.receipts import WAIT_MS_MAX, Find, Searched, Sought, await_proof, find_proof, parse_leaf_hash
from gateway.tlog.tiles import TileError
from tests.unit.tlog.published import KEYS, MemoryTarget, hashed, publish

_TREE = "partners/swift"
_KEY = KEYS.verifier(_TREE)


def _entries(size: int) -> list[bytes]:
    return [f'{{"v":2,"number":{number}}}'.encode() for number in range(size)]


def _published(size: int) -> MemoryTarget:
    target = MemoryTarget()
    publish(target, _TREE, _entries(size))
    return target


class Clock:
    """Time that passes only when somebody sleeps; `then` happens as they do."""

    def __init__(self) -> None:
        self.now_s, self.naps = 100.0, 0
        self.then: Callable[[], None] = lambda: None

    async def sleep(self, for_s: float) -> None:
        self.now_s += for_s
        self.naps += 1
        self.then()

    def monotonic_s(self) -> float:
        return self.now_s


@given(st.binary(min_size=32, max_size=32))
def test_a_leaf_hash_is_read_in_every_spelling(leaf: bytes) -> None:
    spelt = [leaf.hex(), leaf.hex().upper()]
    for text in (b64encode(leaf).decode(), urlsafe_b64encode(leaf).decode()):
        spelt += [text, text.rstrip("=")]
    assert {parse_leaf_hash(text) for text in spelt} == {leaf}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00" * 31,
        "00" * 33,
        "0" * 63,
        "g" * 64,
        b64encode(b"x" * 31).decode(),
        b64encode(b"x" * 33).decode(),
        b64encode(b"x" * 32).decode() + "\n",
        "\u0660" * 64,
        "../checkpoint",
        "A" * 42 + "B",  # the last character has bits that belong to no byte
    ],
)
def test_anything_else_is_no_leaf_hash(text: str) -> None:
    assert parse_leaf_hash(text) is None


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 600])
def test_every_record_is_found_and_its_proof_holds(size: int) -> None:
    sought = Sought(_published(size), _TREE, _KEY)
    for index in {0, 1, size // 2, 254, 255, 256, 512, size - 1}:
        if index < size:
            leaf = hashed(_entries(size)[index])
            found = find_proof(sought, leaf)
            proof = parse_proof(found.proof.encode())
            assert proof is not None
            assert (found.size, proof.index, proof.checkpoint.checkpoint.size) == (size, index, size)
            assert proof.proves(leaf)
            assert not proof.proves(hashed(b"another"))
            assert verified(proof.checkpoint.note, _KEY) is not None


def test_bytes_that_lie_across_two_hashes_are_not_found() -> None:
    size = 300
    sought = Sought(_published(size), _TREE, _KEY)
    hashes = b"".join(hashed(entry) for entry in _entries(size))
    for place in (1, 16, 31, 32 * 100 + 5):
        assert find_proof(sought, hashes[place : place + 32]) == Searched("", size)


def test_a_partial_tile_that_was_replaced_is_looked_for_in_the_full_one() -> None:
    target = _published(300)
    checkpoint = target.files[f"{_TREE}/checkpoint"]
    publish(target, _TREE, _entries(600))
    target.files[f"{_TREE}/checkpoint"] = checkpoint
    for path in [path for path in target.files if ".p/44" in path]:
        del target.files[path]
    sought = Sought(target, _TREE, _KEY)
    assert find_proof(sought, hashed(_entries(300)[299])).proof
    assert find_proof(sought, hashed(_entries(600)[300])) == Searched("", 300)


def test_what_was_looked_through_is_not_read_again() -> None:
    target = _published(1000)
    assert find_proof(Sought(target, _TREE, _KEY), hashed(b"none"), after=900) == Searched("", 1000)
    assert [path for path in target.reads if "/tile/" in path] == [f"{_TREE}/tile/0/003.p/232"]


def test_a_tree_that_does_not_hold_together_is_a_fault_and_no_proof() -> None:
    leaf = hashed(_entries(300)[7])
    for name, data in (
        ("tile/0/000", None),
        ("tile/0/000", b"short"),
        ("tile/0/001.p/44", b"x" * (44 * 32)),
        ("checkpoint", b"no checkpoint\n"),
    ):
        target = _published(300)
        if data is None:
            del target.files[f"{_TREE}/{name}"]
        else:
            target.files[f"{_TREE}/{name}"] = data
        with pytest.raises(TileError):
            find_proof(Sought(target, _TREE, _KEY), leaf)


def test_a_checkpoint_of_another_tree_is_not_taken() -> None:
    target = _published(5)
    publish(target, "partners/harbor", _entries(5))
    target.files[f"{_TREE}/checkpoint"] = target.files["partners/harbor/checkpoint"]
    with pytest.raises(TileError):
        find_proof(Sought(target, _TREE, _KEY), hashed(_entries(5)[0]))


def _finder(target: MemoryTarget, leaf: bytes) -> Find:
    async def find(after: int) -> Searched:
        return find_proof(Sought(target, _TREE, _KEY), leaf, after)

    return find


async def test_a_record_that_comes_while_it_is_waited_for_is_answered_with_its_proof() -> None:
    target, clock = _published(2), Clock()

    def arrive() -> None:
        if clock.naps == 3:
            publish(target, _TREE, _entries(3))

    clock.then = arrive
    find = _finder(target, hashed(_entries(3)[2]))
    assert await await_proof(find, 2000, sleep=clock.sleep, monotonic_s=clock.monotonic_s)
    assert clock.naps == 3


@pytest.mark.parametrize("wait_ms", [0, 2000, 3_600_000])
async def test_nobody_waits_longer_than_said_for_a_record_that_does_not_come(wait_ms: int) -> None:
    clock = Clock()
    find = _finder(MemoryTarget(), hashed(b"none"))
    assert await await_proof(find, wait_ms, sleep=clock.sleep, monotonic_s=clock.monotonic_s) == ""
    assert clock.now_s - 100 == pytest.approx(min(wait_ms, WAIT_MS_MAX) / 1000, rel=0.06)
