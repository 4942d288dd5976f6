"""Promise 1, over whole exchanges: whatever product, view and backend, nothing gets out that was not granted.

Looked for in every byte that leaves: status lines aside, headers, bodies in every media type and coding, problem
documents, what is logged, and the audit log on disk.
"""

import asyncio
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import structlog
from hypothesis import given, note, settings
from hypothesis import strategies as st

from adapters.base import Answer
from gateway.oauth.grant import Grant
from policies.keys import PartnerKeys
from tests.unit.contracts.sample import compiled
from tests.unit.contracts.test_document_cases import TABLE
from tests.unit.exchange.hostile_records import Telling, declarations, product_of
from tests.unit.exchange.stage import Reply, Stage

PRODUCT = "products/shipments.odcs.yaml"
EXAMPLES = max(500, settings().max_examples)
GRANT = Grant(
    "swift-app", "swift", "http://gateway", frozenset({"shipments:read", "shipments:write"}), "jti", "kid", 0, 2**40
)
WAYS: list[tuple[str, str, dict[str, str]]] = [
    *[("GET", "/v1/shipments", {})] * 4,
    ("GET", "/v1/shipments", {"accept": "text/csv"}),
    ("GET", "/v1/shipments", {"accept": "application/x-ndjson", "accept_encoding": "gzip"}),
    ("GET", "/v1/shipments?fields=id", {"accept_encoding": "gzip"}),
    ("GET", "/v1/shipments?id[ne]=none", {}),
    ("HEAD", "/v1/shipments", {}),
    ("GET", "/v1/shipments/1", {}),
    ("POST", "/v1/shipments", {}),
]


DAMAGED: dict[str | None, Callable[[bytes], Answer]] = {
    None: lambda body: Answer(200, "application/json", body),
    "truncated": lambda body: Answer(200, "application/json", body[:-3]),
    "trailing": lambda body: Answer(200, "application/json", body + b"]"),
    "not utf-8": lambda body: Answer(200, "application/json", body.replace(b"cnry", b"\xffcnry", 1) + b"\xff"),
    "html": lambda body: Answer(200, "text/html", body),
    "bare list": lambda body: Answer(200, "application/json", b"[" + body + b"]"),
    "too deep": lambda body: Answer(200, "application/json", body[:-1] + b',"z":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "other type": lambda body: Answer(200, "text/plain; charset=utf-16", body),
    "status 500": lambda body: Answer(500, "application/json", body),
}
DAMAGES: list[str | None] = [*[None] * 30, *DAMAGED]


async def asked(stage: Stage, method: str, target: str, headers: dict[str, str]) -> Reply:
    if method == "POST":
        return await stage.ask(method, target, {"id": "1"})
    return await stage.get(target, method, **headers)


def plain(reply: Reply) -> bytes:
    if reply.headers.get("content-encoding") == "gzip":
        return zlib.decompressobj(31).decompress(reply.body)
    return reply.body


@pytest.mark.timeout(int(60 + EXAMPLES * 0.5))
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.randoms(use_true_random=True))
def test_nothing_that_was_not_granted_is_in_any_byte_that_leaves(random: Random) -> None:
    fields, rows, damage = declarations(random), random.random() < 0.5, random.choice(DAMAGES)
    method, target, headers = random.choice(WAYS)
    telling = Telling(random)
    alone = target.endswith("/1") or method == "POST"
    text = (
        telling.record(fields, rows=rows) if alone else f'{{"data":{telling.records(fields, rows=rows)},"next":null}}'
    )
    answer = DAMAGED[damage](text.encode())
    note(text)

    _, plans = compiled({PRODUCT: (TABLE["workspace"][PRODUCT], product_of(fields, rows=rows))})
    with tempfile.TemporaryDirectory() as folder, structlog.testing.capture_logs() as logged:
        stage = Stage(Path(folder), plans.with_keys(lambda partner: PartnerKeys(bytes(32), partner)))
        stage.grant, stage.adapter.says = GRANT, answer
        try:
            reply = asyncio.run(asked(stage, method, target, headers))
        finally:
            stage.writer.close()
        on_disk = b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())

    body = plain(reply)
    out = b"\n".join([body, repr(reply.headers).encode(), repr(logged).encode(), on_disk])
    for token in telling.never:
        assert token.encode() not in out, f"{token} got out"
    headers_only = {name: value for name, value in reply.headers.items() if name != "location"}  # the key is granted
    aside = b"\n".join([repr(headers_only).encode(), repr(logged).encode(), on_disk])
    assert not [token for token in telling.may if token.encode() in aside]
    if damage is not None:
        assert reply.status >= 500 or method == "POST"
    if reply.status >= 400:
        assert not any(token.encode() in out for token in telling.may)
    elif damage is None and target == "/v1/shipments" and method == "GET":
        assert reply.status == 200
        for token in telling.may:
            assert token.encode() in body, f"{token} was not served as it was written"
