"""A whole gateway in this process, for whoever attacks it: two partners, every kind of client, people, a provider.

Everything is wired as in gateway/app.py, over a real store and log. A request says which peer it comes from and which
certificate its connection has; what is written to any log meanwhile is kept.
"""

import asyncio
import base64
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
from joserfc.jwk import ECKey, Key
from joserfc.util import urlsafe_b64decode
from msgspec import Struct
from msgspec.json import decode, encode
from structlog.testing import capture_logs

from gateway.app import open_gateway
from gateway.authority import NewClient
from gateway.provision import provision
from gateway.workspace import Workspace, load_workspace
from tests.flows.backend import backend
from tests.flows.hub import documents
from tests.flows.identity_provider import CLIENT_ID, SECRET, IdentityProvider, new_key
from tests.flows.served import served
from tests.unit.oauth.issued import FOR_CLIENTS, Issued, issue
from tests.unit.oauth.stage import signed

ResultT = TypeVar("ResultT")
PORT = 8080
ISSUER = f"http://127.0.0.1:{PORT}"
PROXY = "10.9.9.9"
FORM = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT = {"grant_type": "client_credentials", "resource": ISSUER}
LIST, OTHER = "/v1/shipments", "/v1/hasty"
FAILED = b'{"error":"invalid_client","error_description":"Client authentication failed."}'
_SETTINGS = f"""\
base_url = "{ISSUER}"
certificate_proxies = ["{PROXY}/32"]
client_ca_file = "authority.pem"
authentication_rate = "12/minute"
oidc_client_id = "{CLIENT_ID}"
oidc_client_secret = "{SECRET}"
oidc_roles = ["sre=ops"]
"""
_BOUND = """\
  - id: "1.1"
    kind: authentication
    methods: [private_key_jwt, self_signed_tls_client_auth]
    bound_to: [dpop, mtls]
    text: {zh: "{methods}；绑定 {bound_to}。", en: "By {methods}; bound to {bound_to}."}
"""
_LOUD = ("authlib", "httpx", "httpcore", "sqlalchemy", "aiosqlite", "uvicorn", "litestar", "slowapi", "clausegate")
_NUMBERS = count(1)


class Holder(Struct, frozen=True):
    """A partner's program: `key` is what it signs assertions with, `proving` what its tokens are bound to."""

    client_id: str
    key: ECKey
    proving: ECKey

    def assertion(
        self, *, key: Key | bytes | None = None, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """A client assertion, right but for what is given; None takes a claim away."""
        now_s = int(time.time())
        said = {"iss": self.client_id, "sub": self.client_id, "aud": ISSUER, "iat": now_s, "exp": now_s + 60}
        body = {"jti": secrets.token_urlsafe(12), **said, **claims}
        head = {"alg": "ES256", **(header or {})}
        return signed(head, encode({name: value for name, value in body.items() if value is not None}), key or self.key)

    def form(self, **assertion: Any) -> dict[str, str]:
        return GRANT | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(**assertion)}

    def proof(
        self,
        method: str,
        path: str,
        *,
        nonce: str = "",
        token: str = "",
        key: Key | bytes | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A DPoP proof, right but for what is given."""
        body = {"jti": secrets.token_urlsafe(12), "htm": method, "htu": ISSUER + path, "iat": int(time.time())}
        body |= {"nonce": nonce} if nonce else {}
        if token:
            body["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.proving.as_dict(private=False), **(header or {})}
        return signed(head, encode(body | claims), key or self.proving)


class _Kept(logging.Handler):
    """Every record, with all that it holds."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "httpx" and ISSUER in record.getMessage():
            return  # who asks, not who is asked
        self.lines.append(f"{record.name} {self.format(record)} {record.args!r}")


def unauthenticated(answer: httpx.Response) -> bool:
    """The one answer there is to any failed authentication of a client."""
    return (answer.status_code, answer.content) == (401, FAILED)


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token."""
    header, claims = (decode(urlsafe_b64decode(part.encode())) for part in token.split(".")[:2])
    return header, claims


class Siege:
    """The gateway and what its clients hold. `said` gives all log lines; `lookouts` must be in none of them: what is
    sent or issued as a secret is added on the way."""

    app: Any
    stop: asyncio.Event
    _loop: asyncio.AbstractEventLoop

    def __init__(self, folder: Path, backend_url: str, said: Callable[[], list[str]]) -> None:
        self.folder, self._backend_url, self.said = folder / "workspace", backend_url, said
        self.bank = Holder("bank-app", ECKey.generate_key("P-256"), ECKey.generate_key("P-256"))
        self.swift = Holder("swift-keys", ECKey.generate_key("P-256"), ECKey.generate_key("P-256"))
        self.authority = issue("An authority", authority=True)
        self.own: Issued = issue("bank-own", extensions=[FOR_CLIENTS])
        self.provider = IdentityProvider("", new_key("ES256"))
        self.secret = self.password = ""
        keys = [key for each in (self.bank, self.swift) for key in (each.key, each.proving)]
        self.lookouts = {SECRET, *(str(key.as_dict(private=True)["d"]) for key in keys)}

    def wait(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Let the gateway's own loop do it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def ask(
        self,
        method: str,
        path: str,
        *,
        peer: str = "",
        chain: Sequence[str] = (),
        headers: Any = (),
        content: bytes = b"",
        form: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request, of another peer each time unless one is given."""
        number = next(_NUMBERS)
        peer = peer or f"192.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if chain:
                scope["extensions"] = {"tls": {"client_cert_chain": list(chain)}}
            await self.app(scope, receive, send)

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app, client=(peer, 40_000))
            body = {"data": form} if form is not None else {"content": content}
            async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
                sent = headers if not isinstance(headers, Mapping) else list(headers.items())
                return await client.request(method, path, headers=list(sent), **body, **more)

        answer = self.wait(asked())
        self._look_out(answer, form or {}, dict(headers))
        return answer

    def _look_out(self, answer: httpx.Response, form: Mapping[str, str], headers: Mapping[Any, Any]) -> None:
        """Remember what was secret of it."""
        shown = [form.get("client_assertion", ""), str(headers.get("dpop", "")), str(headers.get("authorization", ""))]
        if '"access_token":"' in answer.text:
            shown.append(answer.text.split('"access_token":"')[1].partition('"')[0])
        shown += [value for name, value in answer.cookies.items() if "language" not in name]
        self.lookouts |= {each.rpartition(" ")[2] for each in shown if len(each) > 16}

    def token(self, path: str = "/oauth/token", form: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """A request of swift's program with the secret."""
        basic = base64.b64encode(f"swift-app:{self.secret}".encode()).decode()
        return self.ask(
            "POST", path, form=GRANT if form is None else form, headers={"authorization": f"Basic {basic}"}, **more
        )

    def bearer(self, **form: str) -> str:
        """A token of swift's that whoever has it may use."""
        answer = self.token(form=GRANT | form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def nonce(self) -> str:
        asked = self.ask(
            "POST", "/oauth/token", form=self.bank.form(), headers={"dpop": self.bank.proof("POST", "/oauth/token")}
        )
        return asked.headers["dpop-nonce"]

    def bound(self) -> str:
        """A token of the bank's that is bound to its key."""
        proof = self.bank.proof("POST", "/oauth/token", nonce=self.nonce())
        answer = self.ask("POST", "/oauth/token", form=self.bank.form(), headers={"dpop": proof})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def shown(self, assertion: str) -> httpx.Response:
        """A token request with this assertion and nothing else."""
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return self.ask("POST", "/oauth/token", form=GRANT | form)

    def by_key(self) -> str:
        """A token of swift's client that has a key, and may change it."""
        answer = self.shown(self.swift.assertion())
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(self, path: str, authorization: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.ask(method, path, headers={"authorization": authorization, **headers})

    def is_served(self, path: str, authorization: str, **headers: str) -> bool:
        """Whether a call gets through to the data; a refusal is one of ours, never anything else."""
        answer = self.call(path, authorization, **headers)
        assert answer.status_code in {200, 401, 403, 404}, answer.text
        return answer.status_code == 200

    async def live(self, opened: Callable[[], None], settings: str) -> None:
        """Be there until `stop` is set."""
        async with AsyncExitStack() as stack:
            self.provider.base = await stack.enter_async_context(served(self.provider.app()))
            account, made = await provision(self._written(settings), "ops", self._clients())
            self.password = account.password.reveal()
            self.secret = next(each.secret.reveal() for each in made if each.secret is not None)
            self.lookouts |= {self.password, self.secret}
            loaded = load_workspace(self.folder, {})
            assert isinstance(loaded, Workspace)
            running = await stack.enter_async_context(open_gateway(loaded, PORT))
            self.app, self._loop, self.stop = running.app, asyncio.get_running_loop(), asyncio.Event()
            opened()
            await self.stop.wait()

    def end(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self.stop.set)

    def _clients(self) -> list[NewClient]:
        keys = {each.client_id: {"keys": [each.key.as_dict(private=False)]} for each in (self.bank, self.swift)}
        return [
            NewClient("swift-app", "swift", "client_secret_basic"),
            NewClient("swift-keys", "swift", "private_key_jwt", keys["swift-keys"]),
            NewClient("bank-app", "bank", "private_key_jwt", keys["bank-app"]),
            NewClient("bank-own", "bank", "self_signed_tls_client_auth", certificate_pem=self.own.pem),
        ]

    def _written(self, settings: str) -> Workspace:
        files = _documents(self._backend_url)
        files["clausegate.toml"] = f'{_SETTINGS}oidc_issuer = "{self.provider.base}"\n{settings}'
        files["authority.pem"] = self.authority.pem
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        loaded = load_workspace(self.folder, {})
        assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
        return loaded


def _documents(backend_url: str) -> dict[str, str]:
    """Two agreements of swift, with a product each, and one of the bank, whose tokens have to be bound."""
    files = documents(backend_url, 1)
    swift, policy = files["agreements/swift-2026.yaml"], files["policies/logistics-standard.yaml"]

    def only(product: str) -> str:
        others = {"shipments", "hasty", "gone"} - {product}
        return "".join(
            each for each in swift.splitlines(True) if not any(f"product: {name}," in each for name in others)
        )

    files["agreements/swift-2026.yaml"] = only("shipments")
    files["agreements/swift-later-2026.yaml"] = only("hasty").replace("swift-2026", "swift-later-2026")
    bank = only("shipments").replace("swift-2026", "bank-2026").replace("id: swift,", "id: bank,")
    files["agreements/bank-2026.yaml"] = bank.replace("policy: logistics-standard", "policy: bank-standard")
    policy = policy.replace("policy: logistics-standard", "policy: bank-standard")
    files["policies/bank-standard.yaml"] = policy.replace("clauses:\n", f"clauses:\n{_BOUND}", 1)
    return files


@contextmanager
def besieged(folder: Path, settings: str = "", like: Siege | None = None, *, loud: bool = False) -> Iterator[Siege]:
    """A gateway that is open until the block ends, on a thread of its own.

    `settings` are more lines of its clausegate.toml. Its clients have new keys, or those of another's. With `loud` all
    logs are kept, at every level.
    """
    opened, kept = threading.Event(), _Kept()
    with backend() as running, capture_logs() as events, _loud(kept) if loud else nullcontext():
        siege = Siege(folder, running.url, lambda: [*kept.lines, *map(repr, events)])
        if like is not None:
            siege.bank, siege.swift = like.bank, like.swift
        work = siege.live(opened.set, settings)
        thread = threading.Thread(target=lambda: asyncio.run(work), daemon=True)
        thread.start()
        while not opened.wait(0.1):
            assert thread.is_alive(), siege.said()
        try:
            yield siege
        finally:
            siege.end()
            thread.join(60)


@contextmanager
def _loud(kept: logging.Handler) -> Iterator[None]:
    """Everybody says everything, whatever their own settings are."""
    loggers = [logging.getLogger(name) for name in ("", *_LOUD)]
    before = [each.level for each in loggers]
    loggers[0].addHandler(kept)
    for each in loggers:
        each.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        loggers[0].removeHandler(kept)
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)
