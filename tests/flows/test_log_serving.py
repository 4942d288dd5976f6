"""The log as partners get it over HTTP, checked with nothing of ours: RFC 6962 as it is written, and Ed25519."""

import asyncio
import hashlib
import hmac
import json
import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from moto.server import ThreadedMotoServer
from msgspec import Struct

from tests.flows.demo import until
from tests.flows.desk import RAIL, SWIFT, Desk, Serving, desk
from tests.flows.wire import Wire

pytestmark = pytest.mark.timeout(300)
_ORIGIN = "hub.example/log"
_SETTINGS = f'log_origin = "{_ORIGIN}"\ntree_delay_ms = 200\nroot_delay_ms = 400\n'
_CALLS = {SWIFT: 300, RAIL: 7}
_LEAF = re.compile(r"leaf=:([A-Za-z0-9+/=]+):")
_ROWS = [(number, "SWIFT", "Linz", 1.5, "2026-05-01", "13800000000") for number in range(1, 4)]


class Served(Struct, frozen=True):
    """A hub that serves, and the leaf hashes in the receipts of each partner's calls."""

    desk: Desk
    serving: Serving
    leaves: dict[str, list[bytes]]


class Head(Struct, frozen=True):
    """A checkpoint whose signature is good. `text` is what was signed."""

    text: str
    origin: str
    size: int
    root: bytes


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = desk(tmp_path_factory.mktemp("log-serving"))
    made.fill(_ROWS)
    (made.folder / "clausegate.toml").write_text(_SETTINGS)
    with made.serving() as serving:
        yield Served(made, serving, {name: _called(serving, name, count) for name, count in _CALLS.items()})


def _called(serving: Serving, partner: str, count: int) -> list[bytes]:
    """Call, answered and refused by turns; the leaf hashes of the receipts."""
    client, leaves = serving.partner(partner), []
    for number in range(count):
        answer = client.get(f"/v1/leads?limit={number % 3}")
        found = _LEAF.search(answer.headers["clausegate-receipt"])
        assert found is not None
        leaves.append(b64decode(found[1]))
    return leaves


# RFC 6962, section 2.1


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def _root(hashes: list[bytes]) -> bytes:
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = _split(len(hashes))
    return _node(_root(hashes[:split]), _root(hashes[split:]))


def _root_by_path(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    if size == 1:
        assert path == []
        return leaf
    split = _split(size)
    if index < split:
        return _node(_root_by_path(index, split, leaf, path[:-1]), path[-1])
    return _node(path[-1], _root_by_path(index - split, size - split, leaf, path[:-1]))


# C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-proof


def _opened(note: str, vkey: str) -> Head:
    """The checkpoint in a note, when the key's signature on it is good."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    key = b64decode(encoded)
    assert key[0] == 1  # Ed25519
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    signatures = [line.split(" ") for line in lines.splitlines()]
    [signature] = [b64decode(value) for dash, by, value in signatures if (dash, by) == ("\u2014", name)]
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
    origin, size, root = text.splitlines()
    assert origin == name
    return Head(text, origin, int(size), b64decode(root))


def _number(index: int) -> str:
    groups = f"{index:03}" if index < 1000 else f"{index:06}"
    return "/".join([*(f"x{groups[at : at + 3]}" for at in range(0, len(groups) - 3, 3)), groups[-3:]])


def _tiles(client: httpx.Client, prefix: str, level: str, size: int) -> bytes:
    """All tiles of a level one behind the other, partial ones as the size has them, or full ones in their place."""
    found = b""
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        path = f"{prefix}/tile/{level}/{_number(index)}"
        answer = client.get(path + ("" if width == 256 else f".p/{width}"))
        if answer.status_code == 404:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found += answer.content
    return found


def _entries(bundles: bytes) -> list[bytes]:
    entries, at = [], 0
    while at < len(bundles):
        (length,) = struct.unpack_from(">H", bundles, at)
        entries.append(bundles[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


def _tree(client: httpx.Client, prefix: str) -> tuple[Head, list[bytes]]:
    """A whole tree, downloaded and checked: its head and its entries."""
    head = _opened(client.get(f"{prefix}/checkpoint").text, client.get(f"{prefix}/vkey").text)
    entries = _entries(_tiles(client, prefix, "entries", head.size))[: head.size]
    hashes = [_leaf(entry) for entry in entries]
    assert len(entries) == head.size
    assert _tiles(client, prefix, "0", head.size)[: 32 * head.size] == b"".join(hashes)
    parents = [_root(hashes[at : at + 256]) for at in range(0, head.size // 256 * 256, 256)]
    assert _tiles(client, prefix, "1", len(parents)) == b"".join(parents)
    assert _root(hashes) == head.root
    return head, entries


def _proven(answer: httpx.Response, leaf: bytes, vkey: str) -> Head:
    """The head under which a `.tlog-proof` shows a leaf."""
    assert answer.status_code == 200, answer.text
    proof, _, note = answer.text.partition("\n\n")
    first, index, *path = proof.splitlines()
    assert first == "c2sp.org/tlog-proof@v1"
    head = _opened(note, vkey)
    at = int(index.removeprefix("index "))
    assert _root_by_path(at, head.size, leaf, [b64decode(line) for line in path]) == head.root
    return head


@pytest.mark.parametrize("partner", [SWIFT, RAIL])
def test_each_receipt_of_a_call_leads_to_a_proof_that_holds(up: Served, partner: str) -> None:
    client = up.serving.partner(partner)
    vkey = client.get("/partner/log/vkey").text
    for leaf in [*up.leaves[partner][-1::-40], up.leaves[partner][0]]:
        head = _proven(client.get(f"/partner/receipts/{leaf.hex()}"), leaf, vkey)
        assert head.origin == f"{_ORIGIN}/partners/{partner}"


@pytest.mark.parametrize("partner", [SWIFT, RAIL])
def test_a_partner_downloads_its_own_tree_whole_and_no_record_of_anybody_else(up: Served, partner: str) -> None:
    client = up.serving.partner(partner)
    client.get(f"/partner/receipts/{up.leaves[partner][-1].hex()}")  # waits until it is there
    head, entries = _tree(client, "/partner/log")
    assert head.origin == f"{_ORIGIN}/partners/{partner}"
    assert {json.loads(entry)["entry"]["partner"] for entry in entries} == {partner}
    hashes = [_leaf(entry) for entry in entries]
    assert {leaf: hashes.count(leaf) for leaf in up.leaves[partner]} == dict.fromkeys(up.leaves[partner], 1)
    counted = [json.loads(entry)["at"]["partner_seq"] for entry in entries if '"gw-1"' in entry.decode()]
    assert counted == list(range(len(counted)))


def test_a_partners_checkpoints_stand_in_the_root_log_and_only_it_can_tell_which(up: Served) -> None:
    client, anybody = up.serving.partner(SWIFT), httpx.Client(base_url=up.serving.url)
    client.get(f"/partner/receipts/{up.leaves[SWIFT][-1].hex()}")
    size = _tree(client, "/partner/log")[0].size

    def anchored() -> list[list[int]]:
        count = client.get("/partner/log/anchors/latest")
        if count.status_code == 404:
            return []
        assert 0 < int(count.text) < 256
        lines = client.get(f"/partner/log/anchors/000.p/{int(count.text)}").text.splitlines()
        return [[int(number) for number in line.split(" ")] for line in lines]

    until(lambda: anchored()[-1:] != [] and anchored()[-1][1] >= size)
    listed = anchored()
    until(lambda: _opened_root(anybody).size > listed[-1][2])
    head, entries = _tree(anybody, "/log")
    assert head.origin == _ORIGIN
    key = bytes.fromhex(client.get("/partner/log/anchors/key").text.strip())
    other_key = bytes.fromhex(up.serving.partner(RAIL).get("/partner/log/anchors/key").text.strip())
    tags = [json.loads(entry)["tag"] for entry in entries]
    for number, _, index in listed:
        assert tags[index] == _mac(key, f"clausegate root tag v1\n{number}")
        assert _mac(other_key, f"clausegate root tag v1\n{number}") != tags[index]
    number, at_size, index = listed[-1]
    client_head, own = _tree(client, "/partner/log")
    root = _root([_leaf(entry) for entry in own[:at_size]])
    text = f"{client_head.origin}\n{at_size}\n{_base64(root)}\n"
    assert json.loads(entries[index])["checkpoint"] == _mac(key, f"clausegate root checkpoint v1\n{number}\n{text}")
    assert [entry for entry in entries if SWIFT.encode() in entry or RAIL.encode() in entry] == []
    anybody.close()


def _opened_root(client: httpx.Client) -> Head:
    return _opened(client.get("/log/checkpoint").text, client.get("/log/vkey").text)


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def test_the_key_of_receipts_is_there_for_everybody_and_is_no_key_of_checkpoints(up: Served) -> None:
    key = httpx.get(f"{up.serving.url}/log/receipts/vkey").text
    assert key.startswith(f"{_ORIGIN}/receipts+")
    assert key.rpartition("+")[2] != httpx.get(f"{up.serving.url}/log/vkey").text.rpartition("+")[2]


def test_nothing_of_a_partners_is_had_without_its_token(up: Served) -> None:
    leaf = up.leaves[SWIFT][0].hex()
    own = ["checkpoint", "vkey", "tile/0/000", "tile/entries/000", "anchors/key", "anchors/latest"]
    for path in [f"/partner/receipts/{leaf}", *(f"/partner/log/{name}" for name in own)]:
        for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic c3dpZnQ6"}):
            answer = httpx.get(up.serving.url + path, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
    answer = up.serving.partner(RAIL).get(f"/partner/receipts/{leaf}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/receipt-not-found")


def test_a_token_that_is_sent_twice_is_none_and_head_has_no_body(up: Served) -> None:
    bearer = ("authorization", up.serving.partner(RAIL).headers["authorization"])

    async def asked() -> list[tuple[int, bytes]]:
        async with await Wire.open(up.serving.url) as wire:
            replies = [
                await wire.ask("/partner/log/vkey", [bearer, bearer]),
                await wire.ask("/partner/log/vkey", [bearer], "HEAD"),
                await wire.ask("/partner/log/vkey", [bearer]),
            ]
        assert replies[1].headers == {**replies[2].headers, "date": replies[1].headers["date"]}
        return [(reply.status, reply.body[:4]) for reply in replies]

    (refused, _), *others = asyncio.run(asked())
    assert (refused, others) == (401, [(200, b""), (200, b"hub.")])


def test_no_path_leads_to_another_tree_or_out_of_the_folder(up: Served) -> None:
    client = up.serving.partner(RAIL)
    client.get(f"/partner/receipts/{up.leaves[RAIL][-1].hex()}")
    bearer = ("authorization", client.headers["authorization"])
    climbs = ("..", "%2e%2e", "%2E.", "..%2f..", "..\\..", ".%00.", "....//")
    targets = [
        f"{start}/{'/'.join([climb] * depth)}/{end}"
        for start in ("/log/tile", "/log/tile/0", "/partner/log/tile", "/partner/log/anchors", "/partner/log")
        for climb in climbs
        for depth in (1, 2, 3)
        for end in (f"partners/{SWIFT}/checkpoint", f"{SWIFT}/tile/0/000", "hub/checkpoint", "gw-1/00000001.seg")
    ]
    targets += [f"/log/partners/{SWIFT}/checkpoint", f"/partner/log/{SWIFT}/checkpoint", "/log/hub/checkpoint"]
    targets += [f"/log/tile/{quote('../../hub/checkpoint', safe='')}", "//log/../hub/checkpoint"]

    async def statuses() -> set[int]:
        found = set()
        async with await Wire.open(up.serving.url) as wire:
            for target in targets:
                reply = await wire.ask(target, [bearer])
                assert SWIFT.encode() not in reply.body.replace(target.encode(), b"")
                found.add(reply.status)
        return found

    assert asyncio.run(statuses()) == {404}


def test_the_published_folder_holds_the_very_files_that_are_served(up: Served) -> None:
    client, tree = up.serving.partner(SWIFT), up.desk.log / "tree"
    compared = 0
    for prefix, folder in (("/log", tree / "root"), ("/partner/log", tree / "partners" / SWIFT)):
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            name = file.relative_to(folder).as_posix()
            kept = file.read_bytes()
            answer = client.get(f"{prefix}/{name}")
            if not file.exists() or file.read_bytes() != kept:
                continue  # the tree has grown meanwhile
            assert (answer.status_code, answer.content) == (200, kept), name
            compared += 1
    assert compared > 6


def test_the_language_of_a_refusal_is_the_callers(up: Served) -> None:
    answer = up.serving.partner(RAIL).get(f"/partner/receipts/{'00' * 32}", headers={"accept-language": "zh"})
    assert answer.headers["content-language"] == "zh"
    assert "clausegate verify" in answer.json()["detail"]


def test_a_hub_that_publishes_to_an_object_store_serves_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        assert httpx.put(f"http://{host}:{port}/published").status_code == 200
        for name, value in (
            ("AWS_ENDPOINT", f"http://{host}:{port}"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "of-a-test"),
            ("AWS_SECRET_ACCESS_KEY", "of-a-test"),
            ("AWS_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        made = desk(tmp_path)
        made.fill(_ROWS)
        (made.folder / "clausegate.toml").write_text(_SETTINGS + 'publish = "s3://published/of/the-hub"\n')
        with made.serving() as serving:
            [leaf] = _called(serving, SWIFT, 1)
            client = serving.partner(SWIFT)
            until(lambda: client.get(f"/partner/receipts/{leaf.hex()}").status_code == 200)
            vkey = client.get("/partner/log/vkey").text
            _proven(client.get(f"/partner/receipts/{leaf.hex()}"), leaf, vkey)
            _tree(client, "/partner/log")
        assert not (made.log / "tree").exists()
    finally:
        server.stop()
