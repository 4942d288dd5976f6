"""The published log over HTTP: whose files are whose, and how each is sent."""

import asyncio
import gzip
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gateway.exchange.identify import Verify
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.verify import INVALID, MISSING
from gateway.problem_pages import answer_error
from gateway.problems import PROBLEMS
from gateway.public_gate import Gate, public_gate
from gateway.tlog.proof import parse_proof
from gateway.tlog.routes import LogPages, log_routes
from tests.unit.exchange.judging import judged_by
from tests.unit.tlog.published import KEYS, MemoryTarget, hashed, publish

_PARTNERS = {b"Bearer swift": "swift", b"Bearer harbor": "harbor", b"Bearer new": "new", b"Bearer odd": "../root"}
_SWIFT = {"authorization": "Bearer swift"}
_OWN = [f"swift {number} {'.' * 40}".encode() for number in range(300)]
_OTHERS = [f"harbor {number}".encode() for number in range(4)]
_ROOT = [f"root {number}".encode() for number in range(3)]


def _verify(authorization: bytes | None, now_s: float) -> Grant | Rejected:
    """Tokens that are partners' names."""
    if authorization is None:
        return MISSING
    partner = _PARTNERS.get(authorization)
    return Grant("app", partner, "", frozenset(), "", "", 0, 1 << 40) if partner else INVALID


async def _no_sleep(_: float) -> None:
    return None


class Times:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


@pytest.fixture
def target() -> MemoryTarget:
    made = MemoryTarget()
    publish(made, "partners/swift", _OWN)
    publish(made, "partners/harbor", _OTHERS)
    publish(made, "root", _ROOT)
    publish(made, "hub", [b"of the hub"])
    for name, data in (("key", b"00\n"), ("latest", b"1\n"), ("000.p/1", b"0 300 0\n")):
        made.write(f"partners/swift/anchors/{name}", data)
    made.reads.clear()
    return made


@pytest.fixture
def client(target: MemoryTarget) -> Iterator[TestClient[Litestar]]:
    with _client(target, judged_by(_verify)) as made:
        yield made


def _client(target: MemoryTarget, verify: Verify, gate: Gate | None = None) -> TestClient[Litestar]:
    pages = LogPages(target, KEYS, verify, tree_delay_ms=1000, monotonic_s=Times(), sleep=_no_sleep)
    routes: Any = log_routes(pages, gate)
    return TestClient(Litestar(routes, openapi_config=None, exception_handlers={Exception: answer_error}))


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/log/checkpoint", "root/checkpoint"),
        ("/log/tile/0/000.p/3", "root/tile/0/000.p/3"),
        ("/log/tile/entries/000.p/3", "root/tile/entries/000.p/3"),
        ("/partner/log/checkpoint", "partners/swift/checkpoint"),
        ("/partner/log/tile/0/000", "partners/swift/tile/0/000"),
        ("/partner/log/tile/entries/001.p/44", "partners/swift/tile/entries/001.p/44"),
        ("/partner/log/anchors/key", "partners/swift/anchors/key"),
        ("/partner/log/anchors/latest", "partners/swift/anchors/latest"),
        ("/partner/log/anchors/000.p/1", "partners/swift/anchors/000.p/1"),
    ],
)
def test_a_file_is_sent_as_it_is_published(
    client: TestClient[Litestar], target: MemoryTarget, path: str, file: str
) -> None:
    headers = _SWIFT if path.startswith("/partner") else {}
    answer = client.get(path, headers=headers | {"accept-encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, target.files[file])
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = client.head(path, headers=headers | {"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(answer.headers)


@pytest.mark.parametrize(
    ("path", "kind", "kept"),
    [
        ("/log/checkpoint", "text/plain; charset=utf-8", "no-cache"),
        ("/log/tile/0/000.p/3", "application/octet-stream", "public, max-age=31536000, immutable"),
        ("/log/vkey", "text/plain; charset=utf-8", "public, max-age=300"),
        ("/partner/log/checkpoint", "text/plain; charset=utf-8", "private, no-cache"),
        ("/partner/log/tile/0/000", "application/octet-stream", "private, max-age=31536000, immutable"),
        ("/partner/log/anchors/latest", "text/plain; charset=utf-8", "private, no-cache"),
        ("/partner/log/anchors/000.p/1", "text/plain; charset=utf-8", "private, max-age=31536000, immutable"),
        ("/partner/log/anchors/key", "text/plain; charset=utf-8", "no-store"),
    ],
)
def test_a_file_says_what_it_is_and_how_long_it_may_be_kept(
    client: TestClient[Litestar], path: str, kind: str, kept: str
) -> None:
    answer = client.get(path, headers=_SWIFT)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (kind, kept)


def test_the_keys_are_those_of_the_trees_even_before_there_is_a_tree(client: TestClient[Litestar]) -> None:
    assert client.get("/log/vkey").text == KEYS.verifier("root").text() + "\n"
    assert client.get("/log/receipts/vkey").text == KEYS.receipt_signer().verifier.text() + "\n"
    assert client.get("/partner/log/vkey", headers=_SWIFT).text == KEYS.verifier("partners/swift").text() + "\n"
    of_new = client.get("/partner/log/vkey", headers={"authorization": "Bearer new"})
    assert of_new.text == KEYS.verifier("partners/new").text() + "\n"


@pytest.mark.parametrize(
    "path",
    [
        "/partner/log/checkpoint",
        "/partner/log/vkey",
        "/partner/log/tile/0/000",
        "/partner/log/anchors/key",
        f"/partner/receipts/{hashed(_OWN[0]).hex()}",
    ],
)
def test_what_is_a_partners_needs_its_token(client: TestClient[Litestar], target: MemoryTarget, path: str) -> None:
    for headers, code, challenge in (
        ({}, "missing-token", "Bearer"),
        ({"authorization": "Bearer wrong"}, "invalid-token", 'Bearer error="invalid_token"'),
    ):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, f"/problems/{code}")
        assert (answer.headers["www-authenticate"], answer.headers["cache-control"]) == (challenge, "no-store")
    assert client.get(f"{path}?access_token=swift", headers=_SWIFT).json()["type"] == "/problems/token-in-query"
    assert target.reads == []


def test_the_token_says_whose_tree_it_is(client: TestClient[Litestar], target: MemoryTarget) -> None:
    for name in ("swift", "harbor"):
        answer = client.get("/partner/log/checkpoint", headers={"authorization": f"Bearer {name}"})
        assert answer.content == target.files[f"partners/{name}/checkpoint"]
    theirs = f"/partner/receipts/{hashed(_OTHERS[0]).hex()}"
    assert client.get(theirs, headers=_SWIFT).json()["type"] == "/problems/receipt-not-found"
    assert client.get(theirs, headers={"authorization": "Bearer harbor"}).status_code == 200
    target.reads.clear()
    odd = client.get("/partner/log/checkpoint", headers={"authorization": "Bearer odd"})
    assert (odd.status_code, odd.json()["type"], target.reads) == (404, "/problems/log-file-not-found", [])


@pytest.mark.parametrize("prefix", ["/log", "/partner/log"])
@pytest.mark.parametrize(
    "name",
    [
        "tile/%2e%2e/%2e%2e/hub/checkpoint",
        "tile/..%2f..%2fhub/checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/03",
        "tile/64/000",
        "tile//0/000",
        "tile/0/000/",
        "tile/0/x000/000",
        "tile/0/%30%30%30",
        "tile/0/000%00",
        "anchors/../../harbor/anchors/key",
        "anchors/key/",
        "anchors/%6bey",
        "anchors/0",
        "../harbor/checkpoint",
        "partners/harbor/checkpoint",
        "harbor/checkpoint",
        "hub/checkpoint",
    ],
)
def test_no_other_name_ever_reaches_the_files(
    client: TestClient[Litestar], target: MemoryTarget, prefix: str, name: str
) -> None:
    answer = client.get(f"{prefix}/{name}", headers=_SWIFT)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert [path for path in target.reads if path not in ("root/checkpoint", "partners/swift/checkpoint")] == []


def test_what_is_not_there_says_so_in_the_callers_language(client: TestClient[Litestar]) -> None:
    for path, headers, code in (
        ("/partner/log/checkpoint", {"authorization": "Bearer new"}, "log-empty"),
        ("/partner/log/tile/0/000.p/44", _SWIFT, "log-file-not-found"),
        (f"/partner/receipts/{'00' * 32}", _SWIFT, "receipt-not-found"),
    ):
        answer = client.get(path, headers={**headers, "accept-language": "zh-CN"})
        assert (answer.status_code, answer.json()["type"]) == (404, f"/problems/{code}")
        assert answer.json()["title"] == PROBLEMS[code].title["zh"]
        assert answer.headers["content-language"] == "zh"
        assert answer.headers["cache-control"] == "no-store"


def test_a_file_that_the_caller_has_is_not_sent_again(client: TestClient[Litestar], target: MemoryTarget) -> None:
    first = client.get("/partner/log/checkpoint", headers=_SWIFT)
    again = client.get("/partner/log/checkpoint", headers={**_SWIFT, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["cache-control"] == first.headers["cache-control"]
    publish(target, "partners/swift", [*_OWN, b"one more"])
    newer = client.get("/partner/log/checkpoint", headers={**_SWIFT, "if-none-match": first.headers["etag"]})
    assert (newer.status_code, newer.content) == (200, target.files["partners/swift/checkpoint"])


def test_a_bundle_is_compressed_for_who_wants_that(client: TestClient[Litestar], target: MemoryTarget) -> None:
    path = "/partner/log/tile/entries/000"
    with client.stream("GET", path, headers={**_SWIFT, "accept-encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(raw) < len(target.files["partners/swift/tile/entries/000"])
    assert gzip.decompress(raw) == target.files["partners/swift/tile/entries/000"]
    plain = client.get(path, headers={**_SWIFT, "accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != answer.headers["etag"]
    hashes = client.get("/partner/log/tile/0/000", headers={**_SWIFT, "accept-encoding": "gzip"})
    assert "content-encoding" not in hashes.headers


@pytest.mark.parametrize("spelling", ["{hex}", "{base64}", "{quoted}", "{url}"])
def test_a_receipts_proof_is_a_file_to_keep(client: TestClient[Litestar], spelling: str) -> None:
    for entry in _OWN[::7]:
        leaf = hashed(entry)
        answer = client.get(f"/partner/receipts/{_spelt(leaf, spelling)}", headers=_SWIFT)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="{leaf.hex()}.tlog-proof"'
        proof = parse_proof(answer.content)
        assert proof is not None
        assert proof.proves(leaf)


def _spelt(leaf: bytes, spelling: str) -> str:
    base64 = b64encode(leaf).decode()
    url = urlsafe_b64encode(leaf).decode().rstrip("=")
    return spelling.format(hex=leaf.hex(), base64=base64, quoted=quote(base64, safe=""), url=url)


@pytest.mark.parametrize("text", ["00", "zz" * 32, "%2e%2e/checkpoint", "a/b/c", "%00" * 32, "é" * 43])
def test_what_is_no_leaf_hash_is_refused_without_looking(
    client: TestClient[Litestar], target: MemoryTarget, text: str
) -> None:
    answer = client.get(f"/partner/receipts/{text}", headers=_SWIFT)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-leaf-hash")
    assert target.reads == []


def test_files_that_cannot_be_read_are_a_fault_that_passes(client: TestClient[Litestar], target: MemoryTarget) -> None:
    target.broken = True
    for path in ("/log/checkpoint", "/partner/log/tile/0/000", f"/partner/receipts/{hashed(_OWN[0]).hex()}"):
        answer = client.get(path, headers=_SWIFT)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unreadable")
        assert answer.headers["retry-after"].isdigit()


def test_a_tree_that_does_not_hold_together_gives_no_proof(client: TestClient[Litestar], target: MemoryTarget) -> None:
    target.files["partners/swift/tile/0/001.p/44"] = bytes(44 * 32)
    answer = client.get(f"/partner/receipts/{hashed(_OWN[0]).hex()}", headers=_SWIFT)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unreadable")


def test_only_reading_is_allowed(client: TestClient[Litestar]) -> None:
    for path in ("/log/checkpoint", "/partner/log/tile/0/000", f"/partner/receipts/{'00' * 32}"):
        answer = client.post(path, headers=_SWIFT)
        assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert client.options(path).headers["allow"].count("POST") == 0


async def test_a_partner_that_looks_for_what_is_nowhere_keeps_nobody_else_waiting(target: MemoryTarget) -> None:
    held, entered, searched = threading.Event(), threading.Event(), []

    class Slow(MemoryTarget):
        def read(self, path: str) -> bytes | None:
            if "swift/tile" in path:
                searched.append(path)
                entered.set()
                held.wait(10)
            return target.read(path)

    pages = LogPages(Slow(), KEYS, judged_by(_verify), tree_delay_ms=0)
    app = Litestar(list(log_routes(pages)), openapi_config=None, exception_handlers={Exception: answer_error})
    # the framework's own test client serves one call after another
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the framework's own types of the same thing
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        flood = [
            asyncio.create_task(client.get(f"/partner/receipts/{number:064x}", headers=_SWIFT)) for number in range(8)
        ]
        assert await asyncio.to_thread(entered.wait, 10)
        try:
            async with asyncio.timeout(5):
                path = f"/partner/receipts/{hashed(_OTHERS[0]).hex()}"
                answer = await client.get(path, headers={"authorization": "Bearer harbor"})
            assert answer.status_code == 200
            assert len(searched) <= 2
        finally:
            held.set()
            assert {each.status_code for each in await asyncio.gather(*flood)} == {404}


def test_what_is_read_without_a_token_stands_behind_the_gate_and_a_partners_own_does_not(target: MemoryTarget) -> None:
    async def admit(source: str) -> int | None:
        return 3

    with _client(target, judged_by(_verify), public_gate(admit)) as client:
        for path in ("/log/checkpoint", "/log/vkey", "/log/receipts/vkey", "/log/tile/0/000.p/3", "/log/tile/nothing"):
            for answer in (client.get(path), client.head(path)):
                assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert target.reads == []
        for path in ("/partner/log/checkpoint", "/partner/log/vkey", "/partner/log/tile/0/000"):
            assert client.get(path, headers=_SWIFT).status_code == 200
