"""Whatever is sent to any door of who is who, the answer is one of ours: no 500, no stack trace, no secret, and no log
line has a secret either, whichever library wrote it at whatever level."""

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode
from msgspec.json import encode

from gateway.store.accounts import Accounts
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from tests.flows.besieged import (
    ASSERTION_TYPE,
    FORM,
    GRANT,
    ISSUER,
    LIST,
    PROXY,
    Siege,
    besieged,
    opened,
    unauthenticated,
)
from tests.unit.console.house import form_token

TOKEN = "/oauth/token"
OAUTH = (TOKEN, "/oauth/introspect", "/oauth/revoke")
MEGABYTE = 1 << 20
FEW, SOME = settings(max_examples=15), settings(max_examples=40)


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with besieged(tmp_path_factory.mktemp("siege"), loud=True) as made:
        yield made


def calm(answer: httpx.Response) -> httpx.Response:
    """An answer of ours, which shows nothing of how it was made."""
    assert answer.status_code < 500, answer.text
    for shown in ("Traceback", "site-packages", ".py", "msgspec", "joserfc", "sqlalchemy", "Error("):
        assert shown not in answer.text or answer.headers["content-type"].startswith("text/html"), answer.text
    return answer


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
SEGMENT = some.binary(max_size=12) | some.sampled_from([b"e30", b"W10", b"bnVsbA", b"eyJhbGciOiJFUzI1NiJ9"])
JWTISH = some.lists(SEGMENT, min_size=1, max_size=5).map(b".".join)
VALUE = some.binary(max_size=60) | some.text(max_size=30).map(lambda text: text.encode("utf-8")) | JWTISH
HEADER = VALUE.map(lambda value: bytes(byte for byte in value if byte not in b"\r\n\0"))
AUTHORIZATION = some.tuples(some.sampled_from([b"Bearer ", b"DPoP ", b"Basic ", b"bearer", b""]), HEADER).map(b"".join)
NAMES = (
    *("grant_type", "scope", "resource", "client_id", "client_secret", "client_assertion", "client_assertion_type"),
    *("authorization_details", "token", "token_type_hint", "x"),
)
KNOWN = some.sampled_from(
    [
        b"client_credentials",
        ASSERTION_TYPE.encode(),
        b"partner",
        b"swift-app",
        b"[]",
        b"[{}]",
        b'[{"type":"data_contract"}]',
    ]
)
FIELD = some.tuples(some.sampled_from(NAMES), VALUE | KNOWN)
MORE = some.sampled_from(["scope", "resource", "authorization_details", "token", "x"])


def percent(value: bytes) -> bytes:
    """Encoded whether that is needed or not."""
    return b"".join(b"%%%02X" % byte for byte in value)


def spelt(pairs: list[tuple[str, bytes]]) -> bytes:
    """A form, in which any byte may be."""
    return b"&".join(name.encode() + b"=" + percent(value) for name, value in pairs)


BODY = some.lists(FIELD, max_size=6).map(spelt) | some.binary(max_size=80)


@SOME
@given(some.sampled_from(OAUTH), BODY, some.lists(AUTHORIZATION, max_size=2), some.lists(HEADER, max_size=2))
def test_no_form_and_no_header_upsets_an_oauth_endpoint(
    siege: Siege, path: str, body: bytes, authorizations: list[bytes], proofs: list[bytes]
) -> None:
    headers = [(b"content-type", FORM.encode())]
    headers += [(b"authorization", each) for each in authorizations] + [(b"dpop", each) for each in proofs]
    answer = calm(siege.ask("POST", path, content=body, headers=headers))
    assert answer.status_code in {400, 401}
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


@SOME
@given(some.sampled_from(OAUTH), some.lists(some.tuples(MORE, VALUE | KNOWN), max_size=5), JSON)
def test_nothing_that_a_client_asks_for_upsets_an_oauth_endpoint(
    siege: Siege, path: str, asked: list[tuple[str, bytes]], details: Any
) -> None:
    """Who is who is clear here: what follows is read."""
    basic = base64.b64encode(f"swift-app:{siege.secret}".encode()).decode()
    headers = {"content-type": FORM, "authorization": f"Basic {basic}"}
    said = [("grant_type", b"client_credentials"), ("token", b"x"), *asked]
    said += [("resource", ISSUER.encode())] if not any(name == "resource" for name, _ in said) else []
    if not any(name == "authorization_details" for name, _ in said):
        detail = {"type": "data_contract", "agreement": "swift-2026", "products": details}
        said.append(("authorization_details", encode([detail])))
    answer = calm(siege.ask("POST", path, content=spelt(said), headers=headers))
    assert answer.status_code in {200, 400}


CLAIM = some.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "htm", "htu", "ath", "nonce", "x"])
MEMBER = some.sampled_from(["typ", "kid", "alg", "jwk", "jku", "x5c", "crit", "b64", "x"])
NUMBERS = some.sampled_from([0, -1, 2**63, 10**30, 1e308, -1e308, True])


@SOME
@given(some.dictionaries(CLAIM, JSON | NUMBERS, max_size=3), some.dictionaries(MEMBER, JSON, max_size=2))
def test_no_claim_of_a_client_upsets_the_token_endpoint(
    siege: Siege, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    """Signed by the client's own key, so that all of it is read."""
    own = by_hand({"alg": "ES256"} | header, opened(siege.swift.assertion())[1] | claims, siege.swift.key)
    assert calm(siege.shown(own)).status_code in {200, 400, 401}
    nonce = _once(siege, "nonce", siege.nonce)
    head, said = opened(siege.bank.proof("POST", TOKEN, nonce=nonce))
    proof = by_hand(head | header, said | claims, siege.bank.proving)
    answer = siege.ask("POST", TOKEN, form=siege.bank.form(), headers={"dpop": proof})
    assert calm(answer).status_code in {200, 400}


def by_hand(header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """Signed by ES256 whatever the header says."""
    signing_input = urlsafe_b64encode(encode(header)) + b"." + urlsafe_b64encode(encode(claims))
    signature = JWSRegistry.algorithms["ES256"].sign(signing_input, key)
    return (signing_input + b"." + urlsafe_b64encode(signature)).decode()


_KEPT: dict[tuple[int, str], str] = {}


def _once(siege: Siege, name: str, make: Callable[[], str]) -> str:
    """One for all examples."""
    if (id(siege), name) not in _KEPT:
        _KEPT[id(siege), name] = make()
    return _KEPT[id(siege), name]


PATHS = some.sampled_from(
    [
        *("GET ", "GET swift-keys", "GET {}", "POST swift-keys/keys", "DELETE swift-keys/keys/{}", "POST {}/keys"),
        *("PUT swift-keys/jwks-url", "POST swift-keys/certificates", "DELETE swift-keys/certificates/{}"),
        *("POST swift-app/secrets", "POST swift-keys/secrets", "DELETE swift-keys/secrets/{}", "PATCH swift-keys"),
    ]
)
WISH = some.fixed_dictionaries(
    {},
    optional={
        "jwks": JSON | some.lists(JSON, max_size=3).map(lambda keys: {"keys": keys}),
        "url": some.text(max_size=30) | some.sampled_from(["https://127.0.0.1/", "https://[::1]:99999/", "http://x"]),
        "pem": some.text(max_size=60) | some.just("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "assertion": some.text(max_size=30) | some.just("e30.e30.AA"),
        "overlap_days": some.integers() | some.text(max_size=3),
        "overlap_s": some.integers() | some.none(),
        "dry_run": some.booleans() | JSON,
    },
)


@SOME
@given(PATHS, WISH.map(encode) | JSON.map(encode) | some.binary(max_size=60), some.text(min_size=1, max_size=12))
def test_nothing_upsets_what_partners_do_about_their_credentials(
    siege: Siege, what: str, body: bytes, name: str
) -> None:
    token = _once(siege, "token", siege.by_key)
    method, path = what.split(" ")
    path = path.format(percent(name.encode()).decode())
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    answer = calm(siege.ask(method, f"/partner/clients/{path}".rstrip("/"), content=body, headers=headers))
    assert answer.status_code in {200, 201, 400, 403, 404, 405, 409, 413, 422}, answer.text


@FEW
@given(some.text(min_size=1, max_size=20))
def test_nothing_upsets_asking_why_one_was_refused(siege: Siege, name: str) -> None:
    path, token = percent(name.encode()).decode(), _once(siege, "token", siege.by_key)
    for asked in (f"/partner/refusals/{path}", f"/partner/refusals?limit={path}", f"/partner/refusals?{path}"):
        answer = calm(siege.call(asked, f"Bearer {token}"))
        assert answer.status_code in {200, 400, 404, 422}, answer.text


@SOME
@given(some.sampled_from([LIST, "/partner/clients", "/out/x/y", "/log/gw-1/checkpoint"]), AUTHORIZATION, HEADER)
def test_nothing_that_is_shown_for_a_token_upsets_a_door(
    siege: Siege, path: str, authorization: bytes, proof: bytes
) -> None:
    answer = calm(siege.ask("GET", path, headers={"authorization": authorization, "dpop": proof}))
    assert answer.status_code in {401, 404}


@SOME
@given(HEADER | some.binary(max_size=40).map(lambda value: b"Cert=" + percent(value)))
def test_nothing_that_a_proxy_forwards_upsets_the_token_endpoint(siege: Siege, value: bytes) -> None:
    form = GRANT | {"client_id": "bank-own"}
    answer = siege.ask("POST", TOKEN, form=form, headers={"x-forwarded-client-cert": value}, peer=PROXY)
    assert calm(answer).status_code in {401, 429}


SITES = some.sampled_from(["console", "portal"])
FIELDS = some.fixed_dictionaries(
    {},
    optional={name: some.text(max_size=80) for name in ("form_token", "username", "password", "code", "next", "x")},
)


@FEW
@given(SITES, FIELDS, some.binary(max_size=60), some.booleans())
def test_nothing_upsets_a_login_form(siege: Siege, site: str, fields: dict[str, str], body: bytes, whole: bool) -> None:
    page = siege.ask("GET", f"/{site}/login")
    cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    headers = {"cookie": cookies, "content-type": FORM}
    right = {"form_token": form_token(page.text)} if whole and len(fields) > 3 else {}
    sent = httpx.QueryParams(fields | right)
    content = body if not fields else str(sent).encode()
    answer = calm(siege.ask("POST", f"/{site}/login", content=content, headers=headers))
    assert answer.status_code in {400, 401, 403, 429}
    cookies = "; ".join(f"clausegate={value}" for value in fields.values() if value.isascii() and value.isalnum())
    assert (
        calm(siege.ask("POST", f"/{site}/logout", content=body, headers=headers | {"cookie": cookies})).status_code
        < 404
    )


@FEW
@given(SITES, some.lists(some.tuples(some.text(max_size=9), some.text(max_size=20)), max_size=4), HEADER)
def test_nothing_upsets_the_way_back_from_the_provider(
    siege: Siege, site: str, query: list[tuple[str, str]], cookie: bytes
) -> None:
    headers = {"cookie": b"clausegate_oidc=" + cookie}
    for asked in (query, [("code", "c"), ("state", "s"), *query]):
        answer = calm(siege.ask("GET", f"/{site}/oidc/callback", params=asked, headers=headers))
        assert (answer.status_code, "clausegate" in answer.cookies) == (403, False)


@pytest.mark.parametrize("path", [TOKEN, "/oauth/introspect", "/oauth/revoke", "/console/login", "/portal/login"])
def test_a_megabyte_is_refused_wherever_it_is(siege: Siege, path: str) -> None:
    large = "a" * MEGABYTE
    form = {"content-type": FORM}
    answers = [
        siege.ask("POST", path, content=large.encode(), headers=form),
        siege.ask("POST", path, content=f"grant_type={large}&token=x".encode(), headers=form),
        siege.ask("POST", path, content=f"token=x&client_assertion={large}".encode(), headers=form),
        siege.ask("POST", path, content=b"&".join([b"a=b"] * (MEGABYTE // 4)), headers=form),
        siege.ask("POST", path, content=b"grant_type=x&token=x", headers=form | {"authorization": f"Basic {large}"}),
        siege.ask("POST", path, content=b"grant_type=x&token=x", headers=form | {"dpop": large}),
        siege.ask("POST", path, content=b"[" * MEGABYTE, headers={"content-type": "application/json"}),
        siege.ask("POST", f"{path}?a={large[:60_000]}", content=b"grant_type=x", headers=form),
    ]
    assert {each.status_code // 100 for each in answers} == {4}
    if path in OAUTH:
        too_large = "The body is larger than 16 KiB."
        assert {each.json()["error_description"] for each in answers if each.request.content[16_384:]} == {too_large}
    assert all(len(each.content) < 20_000 for each in answers)


def test_a_megabyte_of_a_token_or_a_proof_is_refused(siege: Siege) -> None:
    bound, large = siege.bound(), "a" * MEGABYTE
    for authorization in (f"Bearer {large}", f"DPoP {large}", large, f"Bearer {'.'.join([large[:1000]] * 3)}"):
        assert siege.call(LIST, authorization).status_code in {401, 431}
        assert siege.call("/partner/clients", authorization).status_code == 401
    for proof in (large, f"{large}.e30.AA", bound.partition(".")[0] + "." + large + ".AA"):
        assert siege.call(LIST, f"DPoP {bound}", dpop=proof).status_code in {401, 431}
        assert siege.call("/partner/clients", f"DPoP {bound}", dpop=proof).status_code == 401
    assert siege.call(f"/partner/clients/{large[:60_000]}", f"Bearer {siege.bearer()}").status_code == 404
    body = f'{{"jwks": {{"keys": ["{large}"]}}}}'.encode()
    json_type = {"authorization": f"Bearer {siege.by_key()}", "content-type": "application/json"}
    assert siege.ask("POST", "/partner/clients/swift-keys/keys", content=body, headers=json_type).status_code == 413


def test_endless_nesting_upsets_nothing(siege: Siege) -> None:
    deep, bound = urlsafe_b64encode(b"[" * 2000).decode(), siege.bound()
    for text in (f"{deep}.e30.AA", f"e30.{deep}.AA"):
        assert calm(siege.shown(text)).status_code == 401
        assert calm(siege.call(LIST, f"Bearer {text}")).status_code == 401
        assert calm(siege.call(LIST, f"DPoP {bound}", dpop=text[:3000])).status_code == 401
    assert calm(siege.token(form=GRANT | {"authorization_details": "[" * 5000})).status_code == 400


def test_no_secret_is_in_any_log_line_and_none_in_an_answer_that_is_not_its_own(siege: Siege) -> None:
    """Every secret is used once, rightly and wrongly; then what is kept in the store counts as one as well."""
    _journeys(siege)
    lines, secret = siege.said(), {*siege.lookouts, *_kept_in_store(siege)}
    assert len(secret) > 40
    for logger in ("sqlalchemy.engine", "authlib.", "httpcore.", "uvicorn.", "clausegate."):
        assert any(line.startswith(logger) for line in lines), f"{logger} said nothing, so this proves nothing of it"
    found = [(line.partition(" ")[0], line[:200]) for line in lines for each in secret if each in line]
    assert found == []
    assert [line[:300] for line in lines if "Traceback" in line] == []


def test_no_token_and_no_credential_is_on_the_audit_log(siege: Siege) -> None:
    siege.by_key()
    written = [path.read_bytes() for path in (siege.folder / "log").rglob("*") if path.is_file()]
    assert sum(map(len, written)) > 1000
    assert [each for each in siege.lookouts for content in written if each.encode() in content] == []


def _journeys(siege: Siege) -> None:
    """All that people and programs do with what is secret."""
    bound, nonce, plain = siege.bound(), siege.nonce(), siege.bearer()
    proof = siege.bank.proof("GET", LIST, nonce=nonce, token=bound)
    assert siege.is_served(LIST, f"DPoP {bound}", dpop=proof)
    assert not siege.is_served(LIST, f"DPoP {bound}", dpop=proof)
    assert siege.token("/oauth/introspect", {"token": plain}).json()["active"] is True
    assert siege.token("/oauth/revoke", {"token": plain}).status_code == 200
    form = GRANT | {"client_id": "bank-own"}
    assert siege.ask("POST", TOKEN, form=form, chain=[siege.own.pem]).status_code == 200
    guess = "guessed-" + "g" * 40
    siege.lookouts.add(guess)
    basic = base64.b64encode(f"swift-app:{guess}".encode()).decode()
    assert unauthenticated(siege.ask("POST", TOKEN, form=GRANT, headers={"authorization": f"Basic {basic}"}))
    new = siege.call("/partner/clients/swift-app/secrets", f"Bearer {siege.bearer()}", "POST")
    if new.status_code == 201:  # the fuzzing above may have made one already
        siege.lookouts.add(new.json()["client_secret"])
    _people(siege)


def _people(siege: Siege) -> None:
    """Both ways to log in, and a second factor."""
    secret = pyotp.random_base32()
    siege.lookouts.add(secret)
    siege.wait(_enrolled(siege, secret))
    for password in ("not-the-password-" + "w" * 20, siege.password):
        siege.lookouts.add(password)
        page = siege.ask("GET", "/console/login")
        token, code = form_token(page.text), pyotp.TOTP(secret).now()
        siege.lookouts |= {token}
        form = {"form_token": token, "username": "ops", "password": password, "code": code}
        cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        entered = siege.ask("POST", "/console/login", form=form, headers={"cookie": cookies})
        assert entered.status_code == (303 if password == siege.password else 401)
    session = entered.cookies["clausegate"]
    home = siege.ask("GET", "/console/", headers={"cookie": f"clausegate={session}"})
    siege.lookouts |= {session, form_token(home.text)}
    sent = siege.ask("GET", "/console/oidc")
    asked = dict(httpx.URL(sent.headers["location"]).params)
    back = httpx.URL(siege.provider.authorized(asked))
    siege.lookouts |= {asked["state"], asked["nonce"], asked["code_challenge"], back.params["code"]}
    cookies = "; ".join(f"{name}={value}" for name, value in sent.cookies.items())
    entered = siege.ask("GET", back.raw_path.decode(), headers={"cookie": cookies})
    assert (entered.status_code, "clausegate" in entered.cookies) == (303, True), entered.text


async def _enrolled(siege: Siege, secret: str) -> None:
    store = await Store.open(f"sqlite:///{siege.folder}/state/clausegate.db")
    try:
        assert await Accounts(store).set_totp("ops", Hidden(secret))
    finally:
        await store.close()


def _kept_in_store(siege: Siege) -> set[str]:
    """Key material as it would be written: Python's way, hexadecimal, base64."""
    database = sqlite3.connect(f"file:{siege.folder}/state/clausegate.db?mode=ro", uri=True)
    try:
        kept = [value for (value,) in database.execute("SELECT value FROM server_secrets")]
        kept += [value for (value,) in database.execute("SELECT digest FROM client_secrets")]
        keys = [json.loads(value)["d"] for (value,) in database.execute("SELECT private_jwk FROM signing_keys")]
        hashes = [value for (value,) in database.execute("SELECT password_hash FROM accounts") if value]
    finally:
        database.close()
    spelt_out = {text for value in kept for text in (repr(value)[2:-1], value.hex(), base64.b64encode(value).decode())}
    return spelt_out | {str(each) for each in (*keys, *hashes)}
