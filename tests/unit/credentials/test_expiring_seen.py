"""It is told of what ends also where the gateway has not registered it: of what clients use, and of the hub's own."""

import pytest

from gateway.credentials.expiring import DAYS, Expiring, due, nearest
from gateway.credentials.noted import Lasting
from gateway.credentials.shown import looked_up, next_end_s, shown_client
from gateway.oauth.clients import NewClient
from gateway.store.credential_uses import CredentialUses
from gateway.store.expiries import Held
from gateway.store.webhooks import Deliveries, Endpoint, Endpoints
from tests.unit.credentials.stage import DAY_S, NOW_S, Stage, add, jwk

YEAR_S = 365 * DAY_S
ENDS_S = NOW_S + 100 * DAY_S
OLD = ("certificate:old", Lasting(ENDS_S - YEAR_S, ENDS_S))
NEW = ("certificate:new", Lasting(ENDS_S - 30 * DAY_S, ENDS_S + YEAR_S))


def service(stage: Stage, *own: Held) -> Expiring:
    return Expiring(stage.store, stage.writer, lambda: int(stage.now_s * 1_000_000), lambda: own)


@pytest.fixture
async def issued(stage: Stage) -> Stage:
    """With a client whose certificates an authority issues, and one whose keys are at a URL."""
    await add(stage.store, NewClient("ca-app", "swift", "tls_client_auth", tls_subject_kind="dn", tls_subject="CN=a"))
    await add(stage.store, NewClient("url-app", "swift", "private_key_jwt", jwks_url="https://a.example/keys"))
    return stage


async def use(stage: Stage, client_id: str, *used: tuple[str, Lasting]) -> None:
    for credential, lasting in used:
        stage.uses.note(client_id, credential, lasting)
        stage.now_s += 1
    await stage.uses.flush()


def told(stage: Stage, client_id: str) -> list[str]:
    """What is on the log of a client: kind, id and days."""
    subjects = [subject for event, subject, _ in stage.entries() if event == "credential-expiring"]
    return [each.removeprefix(f"{client_id} ") for each in subjects if each.startswith(f"{client_id} ")]


async def test_each_threshold_of_a_certificate_that_an_authority_issued_is_told_once(issued: Stage) -> None:
    await use(issued, "ca-app", OLD)
    for days in (31, 30, 29, 15, 14, 13, 8, 7, 2, 1, 0.5, 0, -1):
        issued.now_s = ENDS_S - days * DAY_S
        await service(issued).step()
    assert told(issued, "ca-app") == [f"certificate old {days}" for days in (30, 14, 7, 1)]


async def test_a_newer_one_that_was_used_since_takes_its_place_until_the_old_one_is_used_again(issued: Stage) -> None:
    await use(issued, "ca-app", OLD, NEW)
    issued.now_s = ENDS_S - 20 * DAY_S
    await service(issued).step()
    assert told(issued, "ca-app") == []
    await use(issued, "ca-app", OLD)
    await service(issued).step()
    assert told(issued, "ca-app") == ["certificate old 30"]


async def test_of_a_fetched_key_it_is_told_while_it_is_in_use_and_as_its_set_says_it_now(issued: Stage) -> None:
    ends_s = NOW_S + 60 * DAY_S
    await use(issued, "url-app", ("key:k", Lasting(ends_s=ends_s)), ("key:other", Lasting()))
    issued.now_s = ends_s - 29 * DAY_S
    await service(issued).step()
    assert told(issued, "url-app") == [], "nobody has used it for 31 days"
    await use(issued, "url-app", ("key:k", Lasting(ends_s=ends_s)))
    await service(issued).step()
    assert told(issued, "url-app") == ["key k 30"]
    issued.now_s = ends_s - 5 * DAY_S
    await use(issued, "url-app", ("key:k", Lasting(ends_s=ends_s + YEAR_S)))
    await service(issued).step()
    assert told(issued, "url-app") == ["key k 30"], "it was prolonged"


async def test_a_client_that_takes_its_keys_from_elsewhere_now_is_not_told_of_those_before(issued: Stage) -> None:
    await use(issued, "url-app", ("key:k", Lasting(NOW_S - YEAR_S, NOW_S + DAY_S)))
    await issued.authority.publish_keys_at(await issued.client("url-app"), "https://b.example/keys", "ops")
    await service(issued).step()
    assert told(issued, "url-app") == []


async def test_what_lasts_no_longer_than_a_threshold_is_not_told_of_at_it(issued: Stage) -> None:
    for number in range(12):  # a certificate for a day, every two hours another one
        now_s = NOW_S + number * 7200
        await use(issued, "ca-app", (f"certificate:{number}", Lasting(now_s, now_s + DAY_S)))
        issued.now_s = now_s + 7200
        await service(issued).step()
    assert told(issued, "ca-app") == []
    assert len(await CredentialUses(issued.store).of("ca-app")) <= 8


@pytest.mark.parametrize("lasts_days", [1, 2, 7, 20, 30, 90])
def test_thresholds_that_are_told_are_shorter_than_what_it_lasts(lasts_days: int) -> None:
    ends_s = NOW_S + lasts_days * DAY_S
    hours = range(lasts_days * 24, -1, -1)
    found = {nearest(ends_s, ends_s - each * 3600, NOW_S) for each in hours} - {None}
    assert found == {days for days in DAYS if days < lasts_days}


async def test_what_is_used_is_shown_with_its_end_and_last_use_until_it_ends(issued: Stage) -> None:
    await use(issued, "ca-app", OLD, ("certificate:ended", Lasting(0, NOW_S + 2)), NEW)
    await use(issued, "url-app", ("key:a:b", Lasting()))
    issued.now_s = NOW_S + 60
    shown = (await issued.call().get("/partner/clients/ca-app")).json()["credentials"]
    assert [
        (each["kind"], each["id"], each["created"][:10], each["expires"] and each["expires"][:10]) for each in shown
    ] == [
        ("certificate_dn", "CN=a", "2027-01-05", None),
        ("certificate", "new", "2027-03-26", "2028-04-24"),
        ("certificate", "old", "2026-04-25", "2027-04-25"),
    ]
    assert [each["last_used"] for each in shown] == ["2027-01-15T08:00:02Z"] * 2 + ["2027-01-15T08:00:00Z"]
    looked = await looked_up(issued.store, await issued.client("url-app"))
    kinds = [(each["kind"], each["id"]) for each in shown_client(looked, issued.now_s)["credentials"]]
    assert kinds == [("jwks_url", "https://a.example/keys"), ("key", "a:b")]
    assert next_end_s(looked, issued.now_s) is None
    assert next_end_s(await looked_up(issued.store, await issued.client("ca-app")), issued.now_s) == ENDS_S


async def test_what_the_hub_relies_on_is_told_to_the_hub_alone(stage: Stage) -> None:
    for owner in ("swift", ""):
        url = "https://a.example"
        made = Endpoint(id=f"w-{owner}", partner=owner, url=url, events=(), secret=b"", creator="", created_us=0)
        assert await Endpoints(stage.store).add(made, 10)
    own = Held("hub", "hub", "server-certificate", "t", NOW_S - YEAR_S, NOW_S + 5 * DAY_S, NOW_S - YEAR_S, "tls: CN=a")
    assert [await service(stage, own).step(), await service(stage, own).step()] == [1, 0]
    assert stage.entries() == [("credential-expiring", "hub server-certificate t 7", "")]
    (sent,) = await Deliveries(stage.store).latest(100)
    assert (sent.partner, sent.event) == ("", "credential.expiring")


def test_only_what_is_in_its_place_may_replace_the_hubs_own() -> None:
    old = Held("hub", "hub", "client-authority", "a", NOW_S - YEAR_S, NOW_S + DAY_S, NOW_S - YEAR_S, "CN=a")
    new = Held("hub", "hub", "client-authority", "b", NOW_S - DAY_S, NOW_S + YEAR_S, NOW_S - DAY_S, "CN=b")
    assert due([old, new], NOW_S) == [(old, 1)]
    assert due([old, Held("hub", "hub", "client-authority", "b", NOW_S, None, None, "CN=a")], NOW_S) == []


async def test_a_certificate_that_tokens_of_a_client_with_a_key_are_bound_to_is_shown_and_told_of(
    issued: Stage,
) -> None:
    for number in range(9):
        await use(issued, "url-app", (f"key:{number}", Lasting()))
    for client in ("url-app", "key-app"):
        await use(issued, client, OLD)
    issued.now_s = ENDS_S - 20 * DAY_S
    await service(issued).step()
    for client in ("url-app", "key-app"):
        assert told(issued, client) == ["certificate old 30"]
        looked = await looked_up(issued.store, await issued.client(client))
        assert next_end_s(looked, issued.now_s) == ENDS_S
        shown = shown_client(looked, issued.now_s)["credentials"][-1]
        assert (shown["kind"], shown["id"], shown["expires"][:10]) == ("certificate", "old", "2027-04-25")
    used = await CredentialUses(issued.store).of("url-app")
    assert sum(name.startswith("key:") for name in used) == 8
    await use(issued, "key-app", NEW)
    issued.now_s = ENDS_S - 3 * DAY_S
    await service(issued).step()
    assert told(issued, "key-app") == ["certificate old 30"]
    assert told(issued, "url-app") == ["certificate old 30", "certificate old 7"]


async def test_a_key_by_value_ends_by_its_own_word_or_with_the_overlap_whichever_is_earlier(stage: Stage) -> None:
    call, path = stage.call(), "/partner/clients/key-app/keys"
    keys = [jwk("soon") | {"exp": NOW_S + DAY_S}, jwk("later") | {"exp": NOW_S + 9 * DAY_S}, jwk("never")]
    refused = await call.post(path, json={"jwks": {"keys": [keys[0] | {"exp": NOW_S}]}})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "key-ended")
    assert (await call.post(path, json={"jwks": {"keys": keys}})).status_code == 201
    await call.post(path, json={"jwks": {"keys": [jwk("next")]}, "overlap_days": 3})
    ends = {key.kid: key.expires_s for key in (await stage.client("key-app")).keys}
    overlap_s = NOW_S + 3 * DAY_S
    assert ends == {"k1": overlap_s, "soon": NOW_S + DAY_S, "later": overlap_s, "never": overlap_s, "next": None}
