"""Runs `clausegate` as a person would, and partners' programs against a demo that is up; keeps all that they got."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import httpx
import yaml
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.auth import TokenAuth
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from tests.conftest import ROOT
from tests.flows.proving import Proving, shown_in_header
from tests.flows.warm import Nursery, Started, may_be_warm

CLAUSEGATE = (sys.executable, "-m", "gateway.cli")
PRODUCTS = {
    "swift-logistics": "shipments",
    "harbor-bank": "repayments",
    "delta-repair": "parts",
    "summit-dealer": "leads",
}
_ROOM = {
    "swift-logistics-2026": {"limit": 6000, "burst": 600},
    "harbor-bank-2026": {"limit": 6000, "burst": 600},
    "summit-dealer-2026": {"limit": 6000, "burst": 600},
    "delta-repair-2026": {"limit": 600, "burst": 60},  # the tour has to reach this one
}
_PATIENCE_S = 60
_NURSERY = Nursery()


def clausegate(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself."""
    with TemporaryFile() as out, TemporaryFile() as err:
        with _started([str(argument) for argument in arguments], environment, out, err) as process:
            try:
                process.wait(_PATIENCE_S)
            finally:
                process.kill()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([str(one) for one in arguments], process.returncode or 0, *said)


def _started(
    arguments: list[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> "Started | subprocess.Popen[bytes]":
    around = {**os.environ, **environment}
    with open(os.devnull, "rb") as nothing:
        if may_be_warm(environment):
            return _NURSERY.start(arguments, around, (nothing, out, err))
        return subprocess.Popen([*CLAUSEGATE, *arguments], cwd=ROOT, env=around, stdin=nothing, stdout=out, stderr=err)


class Process:
    """A command that stays up, with what it has said so far."""

    def __init__(self, process: "Started | subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process, self._out, self._err = process, out, err

    @property
    def stdout(self) -> str:
        return self._out.read_text()

    @property
    def stderr(self) -> str:
        return self._err.read_text()

    @property
    def url(self) -> str:
        """What it said it listens on."""
        (line,) = [line for line in self.stdout.splitlines() if line.startswith("ready ")]
        return line.removeprefix("ready ")

    def says(self, words: str) -> None:
        """Wait until it has said these words on standard output."""
        until(lambda: words in self.stdout or self.process.poll() is not None)
        assert words in self.stdout, self.stdout + self.stderr

    def end(self, number: int) -> int:
        """Send a signal and wait for the exit status."""
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE_S)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@contextmanager
def running(said: Path, *arguments: object, **environment: str) -> Iterator[Process]:
    """A command that stays up until the block ends; `said` is a folder for its output."""
    said.mkdir(exist_ok=True)
    out, err = said / "stdout", said / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = _started([str(argument) for argument in arguments], environment, stdout, stderr)
    with process:
        try:
            yield Process(process, out, err)
        finally:
            process.terminate()


def make_room(workspace: Path) -> None:
    """Give clause 4.1 of each agreement room to fetch everything at once."""
    for name, limit in _ROOM.items():
        file = workspace / "agreements" / f"{name}.yaml"
        agreement = yaml.safe_load(file.read_text())
        agreement["policies"][0].setdefault("set", {})["4.1"] = limit
        file.write_text(yaml.safe_dump(agreement))


class _ShortLived(PrivateKeyJWT):
    """Assertions good for a minute: the library's default of an hour is refused."""

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        now_s = int(time.time())
        self.claims = {"iat": now_s, "exp": now_s + 60}
        return super().sign(auth, token_endpoint)  # type: ignore[no-untyped-call]  # authlib has no types


class _Naming(OAuth2Client):
    """Names the gateway whenever it asks for a token: the library alone leaves that out when it renews one."""

    def fetch_token(self, *given: Any, **named: Any) -> Any:
        return super().fetch_token(*given, **{"resource": self.metadata["resource"]} | named)  # type: ignore[no-untyped-call]


class Partner:
    """A partner's program, over a client library that is not ours. `answers` are all that it ever got.

    `proving` proves what its tokens are bound to, None where they are bound to nothing.
    """

    def __init__(self, url: str, credential: Mapping[str, str]) -> None:
        self.name, self.answers, self.url = credential["partner"], list[httpx.Response](), url
        key = credential.get("private_key_file")
        secret = ECKey.import_key(Path(key).read_bytes()) if key else credential["client_secret"]
        bound_to = credential.get("dpop_key_file")
        self.proving = Proving(bound_to) if bound_to else None
        client: Any = _Naming  # authlib has no types
        self._http = client(
            credential["client_id"],
            secret,
            token_endpoint=f"{url}/oauth/token",
            token_endpoint_auth_method=credential["auth_method"],
            grant_type="client_credentials",
            resource=url,
            base_url=url,
            timeout=30,
            transport=self.proving,
        )
        self._http.token_auth.SIGN_METHODS = {**TokenAuth.SIGN_METHODS, "dpop": shown_in_header}
        if key:
            self._http.register_client_auth_method(_ShortLived(url, alg="ES256"))  # type: ignore[no-untyped-call]
        self._http.fetch_token(grant_type="client_credentials")

    @property
    def token(self) -> str:
        return str(self._http.token["access_token"])

    def signed_in(self, method: str, path: str) -> dict[str, str]:
        """The headers by which somebody else may make one call with the token of this program."""
        if self.proving is None:
            return {"Authorization": f"Bearer {self.token}"}
        return {
            "Authorization": f"DPoP {self.token}",
            "DPoP": self.proving.proof(method, f"{self.url}{path}", self.token),
        }

    @property
    def product(self) -> str:
        return PRODUCTS[self.name]

    def get(self, path: str, **headers: str) -> httpx.Response:
        answer: httpx.Response = self._http.get(path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        self.answers.append(answer)
        return answer

    def everything(self) -> list[Any]:
        """All records of the partner's product, page after page, numbers as they are written."""
        records: list[Any] = []
        path = following = f"/v1/{self.product}?limit=200"
        while True:
            answer = self.get(following)
            assert answer.status_code == 200, answer.text
            page = exactly(answer.text)
            records += page["data"]
            if page["next"] is None:
                return records
            following = f"{path}&cursor={page['next']}"

    def close(self) -> None:
        self._http.close()


def exactly(text: str) -> Any:
    """JSON in which 1.10 is not 1.1."""
    return json.loads(text, parse_float=written)


def written(number: str) -> tuple[str, str]:
    """A number with a point, as it is written."""
    return ("number", number)
