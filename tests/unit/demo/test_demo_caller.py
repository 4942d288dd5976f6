"""A partner's program of the demo: with a bound token it proves each request, and asks again when a nonce is wanted."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from msgspec import Struct

from gateway.demo.caller import Caller, Prover
from gateway.demo.cast import Credential
from gateway.demo.stage import DemoError
from gateway.oauth.clients import new_key_pair
from gateway.oauth.dpop import ProofFault, Proofs
from gateway.oauth.jose import contents_of
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import LocalReplayCache
from gateway.store.hidden import Hidden

TOKEN = "an.access.token"


class Asked(Struct, frozen=True):
    """One request that came, and what was wrong with its proof, "" for nothing."""

    method: str
    path: str
    authorization: str
    fault: str
    body: bytes


class Door:
    """Something that takes proofs as the gateway does (it asks the gateway's own code), and remembers who came."""

    def __init__(self, url: str) -> None:
        self.asked: list[Asked] = []
        self.never_satisfied = False
        self._proofs = Proofs(base_url=url, nonces=Nonces(Hidden(bytes(32))), replay=LocalReplayCache())

    def ask(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        is_token = path == "/oauth/token"
        token = None if is_token else TOKEN.encode()
        checked = self._proofs.check(
            headers["DPoP"].encode(), method, path.partition("?")[0].encode(), time.time(), token
        )
        found = asyncio.run(checked)
        fault = found.reason if isinstance(found, ProofFault) else ""
        self.asked.append(Asked(method, path, headers.get("Authorization", ""), fault, body))
        if self.never_satisfied and not isinstance(found, ProofFault):
            found = ProofFault("nonce-unknown", needs_nonce=True, nonce="another")
        if isinstance(found, ProofFault):
            said = {"DPoP-Nonce": found.nonce, "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
            return (400 if is_token else 401), said, json.dumps({"error": "use_dpop_nonce"}).encode()
        return 200, {}, json.dumps({"access_token": TOKEN, "token_type": "DPoP"}).encode()


@contextmanager
def listening() -> Iterator[tuple[str, Door]]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status, headers, body = door.ask(self.command, self.path, self.headers, self.rfile.read(length))
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that the library calls

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        door = Door(url)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield url, door
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def bank(tmp_path: Path) -> Credential:
    files = []
    for name in ("signing", "bound"):
        files.append(tmp_path / f"{name}.pem")
        files[-1].write_text(new_key_pair().private_pem.reveal())
    return Credential("harbor-bank-app", "harbor-bank", "bank", "private_key_jwt", None, *map(str, files))


def test_each_request_is_proved_and_the_nonce_is_asked_for_once(bank: Credential) -> None:
    with listening() as (url, door):
        caller = Caller(url, bank)
        assert caller.get("/v1/repayments?limit=1").status == 200
        assert caller.post("/v1/repayments", {}).status == 200
    came = [(each.method, each.path, each.authorization, each.fault) for each in door.asked]
    bound = f"DPoP {TOKEN}"
    assert came == [
        ("POST", "/oauth/token", "", "nonce-missing"),
        ("POST", "/oauth/token", "", ""),
        ("GET", "/v1/repayments?limit=1", bound, ""),
        ("POST", "/v1/repayments", bound, ""),
    ]


def test_an_assertion_is_made_anew_for_each_try(bank: Credential) -> None:
    with listening() as (url, door):
        Caller(url, bank)
    texts = [parse_qs(each.body.decode())["client_assertion"][0] for each in door.asked]
    found = [contents.claims["jti"] for contents in map(contents_of, texts) if contents is not None]
    assert len(set(found)) == 2


def test_a_program_that_gets_no_token_says_what_it_was_told(bank: Credential) -> None:
    with listening() as (url, door):
        door.never_satisfied = True
        with pytest.raises(DemoError, match=r"harbor-bank-app got no token: 400 .*use_dpop_nonce"):
            Caller(url, bank)


def test_what_is_no_key_for_proofs_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="no private key"):
        Prover(b"no key")
