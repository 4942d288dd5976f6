"""clausegate proof and clausegate token --dpop-key: what they print, where the nonce comes from, what they refuse."""

import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import typer
from typer.testing import CliRunner

from gateway.commands import proof, token
from gateway.oauth.clients import new_key_pair
from gateway.oauth.jose import contents_of
from gateway.oauth.proof import read_proof_key

URL = "https://gateway.example.com/v1/repayments"
app = typer.Typer()
app.command(proof.NAME)(proof.run)
app.command(token.NAME)(token.run)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "bound.pem"
    file.write_text(new_key_pair().private_pem.reveal())
    return file


def run(*arguments: object, **environment: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(map(str, arguments)), env={"CLAUSEGATE_TOKEN": "", **environment})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.strip(), done.stderr.strip()


def claims(text: str) -> dict[str, object]:
    found = contents_of(text)
    assert found is not None
    return found.claims


def test_a_proof_is_for_one_call(key: Path) -> None:
    code, said, _ = run("proof", f"{URL}?limit=1", "--key", key, "--method", "post", "--nonce", "n-1")
    assert code == 0
    found = claims(said)
    assert (found["htm"], found["htu"], found["nonce"]) == ("POST", URL, "n-1")
    assert "ath" not in found


def test_the_token_comes_from_the_environment(key: Path) -> None:
    """Token and hash are those of RFC 9449 section 7.1."""
    shown, expected = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    _, said, _ = run("proof", URL, "--key", key, "--format", "json", CLAUSEGATE_TOKEN=shown)
    printed, proving = json.loads(said), read_proof_key(key.read_bytes())
    assert proving is not None
    assert (printed["jkt"], printed["nonce"]) == (proving.thumbprint, None)
    _, other, _ = run("proof", URL, "--key", key, "--token-env", "MINE", MINE=shown)
    assert claims(printed["proof"])["ath"] == claims(other)["ath"] == expected


class Giving(BaseHTTPRequestHandler):
    """Gives everybody the same nonce; `shown` is what the last caller showed."""

    nonce = "n-7"
    shown: tuple[str, str] = ("", "")

    def do_GET(self) -> None:
        type(self).shown = (self.headers["Authorization"], self.headers["DPoP"])
        self.send_response(401)
        if self.path == "/v1/repayments":
            self.send_header("DPoP-Nonce", self.nonce)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def gateway() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Giving) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_nonce_is_asked_for_where_that_is_said(gateway: str, key: Path) -> None:
    url = f"{gateway}/v1/repayments"
    code, said, _ = run("proof", url, "--key", key, "--nonce-from", url, CLAUSEGATE_TOKEN="a.b.c")
    assert code == 0
    assert claims(said)["nonce"] == "n-7"
    authorization, without = Giving.shown
    assert authorization == "DPoP a.b.c"
    assert "nonce" not in claims(without)
    code, said, why = run("proof", url, "--key", key, "--nonce-from", f"{gateway}/elsewhere")
    assert (code, said) == (2, "")
    assert "answered 401 without a DPoP-Nonce" in why


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((URL, "--key", "/nowhere.pem"), "/nowhere.pem: No such file"),
        ((URL, "--key", ssl.__file__), "a private key without password is needed"),
        (("ftp://gateway.example.com", "--key", "KEY"), "an address begins with https://"),
        ((URL, "--key", "KEY", "--nonce", "n", "--nonce-from", URL), "give --nonce or --nonce-from"),
        ((URL, "--key", "KEY", "--nonce-from", "http://127.0.0.1:9/"), "cannot be asked for a nonce"),
        ((URL, "--key", "KEY", "--nonce-from", "http://[::1"), "http://[::1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: tuple[str, ...], says: str, key: Path) -> None:
    code, said, why = run("proof", *(str(key) if each == "KEY" else each for each in arguments))
    assert (code, said, len(why.splitlines())) == (2, "", 1)
    assert says in why


def test_a_token_is_bound_to_one_thing(tmp_path: Path, key: Path) -> None:
    code, _, why = run("token", tmp_path, "app", "--dpop-key", key, "--certificate", key)
    assert (code, why) == (2, "error: a token is bound to one thing: give --dpop-key or --certificate")
    code, _, why = run("token", tmp_path, "app", "--certificate", key)
    assert (code, why) == (2, f"error: {key}: this is no certificate as PEM")
