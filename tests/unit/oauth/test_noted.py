"""What the token endpoint tells of credentials: which was used, and for what reason which request was refused."""

import pytest
from msgspec.structs import replace

from gateway.credentials.noted import RefusedCall
from gateway.oauth.answers import OWN_REASONS
from gateway.oauth.assertion import ASSERTION_REASONS
from gateway.oauth.incoming import Incoming
from gateway.oauth.tokens import DETAILS_TYPE
from gateway.store.hidden import Hidden
from gateway.throttle import Throttle, ThrottleRules
from tests.unit.oauth.asking import GRANT, asserted, by_secret, incoming, said, token_of
from tests.unit.oauth.rights import right
from tests.unit.oauth.stage import NOW_S, Stage, assertion, client_key, open_stage

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
