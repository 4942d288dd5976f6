"""What the token endpoint tells of credentials: which was used, and for what reason which request was refused."""

import json
import re
import ssl

import pytest
from msgspec.structs import replace

from gateway.credentials.noted import Lasting, RefusedCall
from gateway.oauth.answers import OWN_REASONS
from gateway.oauth.assertion import ASSERTION_REASONS
from gateway.oauth.certificate import certificate_from_pem, validity
from gateway.oauth.incoming import Incoming
from gateway.oauth.key_fetching import FetchedKeys
from gateway.oauth.tokens import DETAILS_TYPE
from gateway.store.clients import ClientKey
from gateway.store.hidden import Hidden
from gateway.throttle import Throttle, ThrottleRules
from tests.unit.oauth.asking import GRANT, asserted, by_secret, incoming, said, token_of
from tests.unit.oauth.issued import DAY, issue
from tests.unit.oauth.rights import right
from tests.unit.oauth.stage import ISSUER, NOW_S, Stage, assertion, client_key, open_stage

SWIFT, BANK, VAULT = "swift-logistics-app", "harbor-bank-app", "vault-app"
CREATED_S = int(NOW_S) - 100


async def noted(stage: Stage, asked: Incoming) -> RefusedCall:
    answer = await stage.server.token(asked)
    assert answer.status != 200
    assert ("X-Request-Id", asked.request_id) in answer.headers
    (refusal,) = stage.refusals
    stage.refusals.clear()
    assert (refusal.door, refusal.status, refusal.code) == ("token", answer.status, said(answer)["error"])
    assert (refusal.request_id, refusal.time_us) == (asked.request_id, int(NOW_S) * 1_000_000)
    return refusal


async def reason(stage: Stage, client_id: str, asked: Incoming) -> str:
    refusal = await noted(stage, asked)
    assert refusal.client_id == client_id
    return refusal.reason


async def test_which_credential_was_used_is_told(stage: Stage) -> None:
    await token_of(stage, SWIFT)
    await token_of(stage, BANK)
    shown = stage.certificates["vault-own"].shown
    await stage.server.token(incoming(GRANT | {"client_id": "vault-own"}, certificate=shown))
    await stage.server.introspect(incoming({"token": "x"}, [by_secret(stage, SWIFT)]))
    assert stage.uses == [
        (SWIFT, f"secret:{CREATED_S}"),
        (BANK, f"key:{client_key('ES256').thumbprint()}"),
        ("vault-own", f"certificate:{shown.thumbprint}"),
        (SWIFT, f"secret:{CREATED_S}"),
    ]
    assert stage.refusals == []


async def test_how_long_it_lasts_is_told_of_what_is_registered_nowhere(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    published = ClientKey("g", "ES256", json.dumps(client_key("ES256", 1).as_dict(private=False)), int(NOW_S) + 99)

    async def fetch(_url: str) -> FetchedKeys:
        return FetchedKeys((published,))

    stage = await open_stage(tmp_path_factory.mktemp("stage"), fetch=fetch)
    await token_of(stage, BANK)
    gone = assertion(stage, "vault-gone", header={"kid": "g"}, key=client_key("ES256", 1))
    await stage.server.token(incoming(GRANT | asserted(gone)))
    for client_id in ("vault-tls", "vault-own"):
        shown = stage.certificates[client_id].shown
        await stage.server.token(incoming(GRANT | {"client_id": client_id}, certificate=shown))
    issued = stage.certificates["vault-tls"].certificate
    begins, ends = issued.not_valid_before_utc.timestamp(), issued.not_valid_after_utc.timestamp()
    assert stage.lasting == {
        BANK: Lasting(),
        "vault-gone": Lasting(None, int(NOW_S) + 99),
        "vault-tls": Lasting(int(begins), int(ends)),
        "vault-own": Lasting(),
    }
    await stage.store.close()


async def test_a_certificate_that_a_token_is_bound_to_is_told_beside_the_key_and_one_that_is_merely_there_is_not(
    stage: Stage,
) -> None:
    issued = stage.certificates["vault-tls"]
    key = (BANK, f"key:{client_key('ES256').thumbprint()}")
    answer = await stage.server.token(incoming(GRANT | asserted(assertion(stage, BANK)), certificate=issued.shown))
    assert answer.status == 200
    assert stage.uses == [key, (BANK, f"certificate:{issued.shown.thumbprint}")]
    lasts = validity(issued.certificate)
    assert stage.lasting[BANK] == Lasting(*lasts)
    stage.uses.clear()
    by_key, proof = GRANT | asserted(assertion(stage, BANK)), stage.proof(nonce=stage.nonces.issue(NOW_S)).encode()
    await stage.server.token(incoming(by_key, certificate=issued.shown, proofs=[proof]))
    refused = GRANT | asserted(assertion(stage, BANK)) | {"resource": "https://another.example"}
    await stage.server.token(incoming(refused, certificate=issued.shown))
    await stage.server.token(incoming(GRANT, [by_secret(stage, SWIFT)], certificate=issued.shown))
    assert [credential.partition(":")[0] for _, credential in stage.uses] == ["key", "key", "secret"]


async def test_a_certificate_of_a_year_that_no_calendar_knows_is_told_without_its_end(stage: Stage) -> None:
    der = issue("x", lasts=36_500 * DAY).shown.der
    ends = re.search(rb"\x18\x0f(\d{14}Z)", der)
    assert ends is not None
    odd = certificate_from_pem(ssl.DER_cert_to_PEM_cert(der.replace(ends[1], b"00000101000000Z")).encode())
    assert odd is not None
    answer = await stage.server.token(incoming(GRANT | asserted(assertion(stage, BANK)), certificate=odd))
    assert (answer.status, stage.lasting[BANK]) == (200, Lasting())


async def test_what_was_not_used_is_not_told(stage: Stage) -> None:
    text = assertion(stage, BANK)
    for _ in range(2):
        await stage.server.token(incoming(GRANT | asserted(text)))
    await stage.server.token(incoming(GRANT, [by_secret(stage, SWIFT, "wrong")]))
    assert len(stage.uses) == 1


async def test_each_way_to_fail_has_its_word(stage: Stage) -> None:
    wrong = assertion(stage, BANK, key=client_key("ES256", 1))
    assert await reason(stage, SWIFT, incoming(GRANT, [by_secret(stage, SWIFT, "wrong")])) == "secret-wrong"
    assert await reason(stage, BANK, incoming(GRANT, [by_secret(stage, BANK, "x")])) == "another-method"
    unsaid = {name: value for name, value in GRANT.items() if name != "resource"}
    assert await reason(stage, SWIFT, incoming(unsaid, [by_secret(stage, SWIFT)])) == "resource-missing"
    slashed = GRANT | {"resource": f"{ISSUER}/"}
    assert await reason(stage, SWIFT, incoming(slashed, [by_secret(stage, SWIFT)])) == "resource-other"
    assert await reason(stage, "former-app", incoming(GRANT, [by_secret(stage, "former-app")])) == "client-disabled"
    assert await reason(stage, BANK, incoming(GRANT | asserted(wrong))) == "assertion-signature"
    gone = assertion(stage, "vault-gone", key=client_key("ES256", 1))
    assert await reason(stage, "vault-gone", incoming(GRANT | asserted(gone))) == "keys-unavailable"
    named = GRANT | {"client_id": "vault-own"}
    assert await reason(stage, "vault-own", incoming(named)) == "certificate-missing"
    stranger = stage.certificates["stranger"].shown
    assert await reason(stage, "vault-own", incoming(named, certificate=stranger)) == "certificate-wrong"
    once = asserted(assertion(stage, BANK))
    await stage.server.token(incoming(GRANT | once))
    assert await reason(stage, BANK, incoming(GRANT | once)) == "assertion-replayed"
    proofs = [b"a.b.c", b"a.b.c"]
    asked = incoming(GRANT | asserted(assertion(stage, BANK)), proofs=proofs)
    assert await reason(stage, BANK, asked) == "proof-repeated"


async def test_a_clause_that_was_not_met_is_named(stage: Stage) -> None:
    refusal = await noted(stage, incoming(GRANT | asserted(assertion(stage, VAULT))))
    assert (refusal.partner, refusal.client_id, refusal.reason) == ("vault-bank", VAULT, "binding-required")
    assert (refusal.agreement, refusal.version, refusal.clause) == ("vault-2026", "2.0.0", "7.1")


async def test_of_a_client_that_is_not_there_nothing_is_kept(stage: Stage) -> None:
    refusal = await noted(stage, incoming(GRANT, [by_secret(stage, "canary-app", "canary-secret")]))
    assert (refusal.partner, refusal.client_id, refusal.reason) == ("", "", "unknown-client")
    nothing = await noted(stage, incoming(GRANT, [b"Basic canary"]))
    assert (nothing.client_id, nothing.reason) == ("", "no-credentials")
    assert "canary" not in f"{refusal} {nothing}"


async def test_every_word_is_of_a_closed_list(stage: Stage) -> None:
    asked = [incoming(GRANT, [by_secret(stage, SWIFT, "x")]), incoming(GRANT), incoming({})]
    asked += [incoming(GRANT | asserted(assertion(stage, BANK, claims={"aud": "x"})))]
    words = {(await noted(stage, each)).reason for each in asked}
    assert words == {"secret-wrong", "no-credentials", "", "assertion-audience"}
    assert words <= {"", *OWN_REASONS, *ASSERTION_REASONS}


async def test_a_key_server_that_is_away_is_nobodys_guessing(tmp_path_factory: pytest.TempPathFactory) -> None:
    throttle = Throttle(Hidden(b"k" * 32), ThrottleRules(failures="2/hour"))
    stage = await open_stage(tmp_path_factory.mktemp("stage"), throttle=throttle)
    for _ in range(4):
        text = assertion(stage, "vault-gone", key=client_key("ES256", 1))
        assert (await stage.server.token(incoming(GRANT | asserted(text)))).status == 401
    await stage.store.close()


async def test_that_somebody_had_to_wait_is_kept_as_nobodys(tmp_path_factory: pytest.TempPathFactory) -> None:
    throttle = Throttle(Hidden(b"k" * 32), ThrottleRules(failures="2/hour"))
    stage = await open_stage(tmp_path_factory.mktemp("stage"), throttle=throttle)
    guess = incoming(GRANT, [by_secret(stage, SWIFT, "x")])
    kept = [await noted(stage, guess) for _ in range(3)]
    assert [each.reason for each in kept] == ["secret-wrong", "secret-wrong", "throttled"]
    assert (kept[2].status, kept[2].partner, kept[2].client_id) == (429, "", "")
    await stage.store.close()


async def test_a_nonce_of_an_earlier_minute_brings_a_newer_one_along_whatever_the_answer(stage: Stage) -> None:
    old = stage.nonces.issue(stage.clock())
    stage.clock.now_s += 61
    fresh = ("DPoP-Nonce", stage.nonces.issue(stage.clock()))
    for scope, status in (("repayments:list", 200), ("no-such", 400)):
        form = GRANT | asserted(assertion(stage, BANK)) | {"scope": scope}
        answer = await stage.server.token(incoming(form, proofs=[stage.proof(nonce=old).encode()]))
        assert answer.status == status
        assert fresh in answer.headers


async def test_a_token_that_nobody_would_read_is_not_made(stage: Stage) -> None:
    many = tuple(right("swift-2026", f"product-of-the-{number}th-kind", "get") for number in range(120))
    stage.rights["swift-logistics"] = many
    whole = await noted(stage, incoming(GRANT, [by_secret(stage, SWIFT)]))
    assert (whole.code, whole.reason) == ("invalid_scope", "token-too-large")
    form = GRANT | {"authorization_details": f'[{{"type":"{DETAILS_TYPE}","agreement":"swift-2026"}}]'}
    narrowed = await noted(stage, incoming(form, [by_secret(stage, SWIFT)]))
    assert (narrowed.code, narrowed.reason) == ("invalid_authorization_details", "token-too-large")
    await token_of(stage, SWIFT, scope="product-of-the-7th-kind:get")


async def test_a_body_that_was_too_large_is_refused_before_anything_is_read_of_it(stage: Stage) -> None:
    refusal = await noted(stage, replace(incoming(GRANT, [by_secret(stage, SWIFT)]), body=None))
    assert (refusal.status, refusal.client_id) == (400, "")
