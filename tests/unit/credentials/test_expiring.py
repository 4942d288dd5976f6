"""A partner hears 30, 14, 7 and 1 day ahead that a credential ends, each once, and not of what was replaced."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import settings as looking
from hypothesis import strategies as some

from gateway.audit.writer import Writer
from gateway.authority_record import AuthorityError
from gateway.credentials.expiring import DAYS, Expiring, due, nearest
from gateway.credentials.reading import read_certificate
from gateway.oauth.clients import read_public_keys
from gateway.store.claims import CLAIM_S
from gateway.store.clients import Clients, RegisteredCertificate
from gateway.store.expiries import Expiries, Held
from gateway.store.webhooks import Deliveries, Endpoint, Endpoints
from tests.unit.credentials.stage import DAY_S, NOW_S, Stage, certificate, jwk

END_S = NOW_S + 100 * DAY_S
"""When the certificate of tls-app ends; nothing else of the stage does by itself."""


def service(stage: Stage) -> Expiring:
    return Expiring(stage.store, stage.writer, lambda: int(stage.now_s * 1_000_000))


async def listen(stage: Stage) -> None:
    for owner in ("swift", ""):
        made = Endpoint(
            id=f"w-{owner}", partner=owner, url="https://a.example", events=(), secret=b"", creator="", created_us=0
        )
        assert await Endpoints(stage.store).add(made, 10)


async def told(stage: Stage) -> list[tuple[str, str]]:
    return sorted((each.partner, each.event) for each in await Deliveries(stage.store).latest(100))


async def test_each_threshold_is_told_once_on_the_log_and_to_partner_and_hub(stage: Stage) -> None:
    await listen(stage)
    days_left = []
    for hours in range(32 * 24, -24, -24):
        stage.now_s = END_S - hours * 3600
        if await service(stage).step():
            days_left.append(hours / 24)
    assert days_left == [30, 14, 7, 1]
    thumbprint = (await stage.client("tls-app")).certificates[0].thumbprint
    assert stage.entries() == [
        ("credential-expiring", f"tls-app certificate {thumbprint} {days}", "swift") for days in (30, 14, 7, 1)
    ]
    assert await told(stage) == [("", "credential.expiring")] * 4 + [("swift", "credential.expiring")] * 4


async def test_after_an_outage_only_the_nearest_threshold_is_told(stage: Stage) -> None:
    stage.now_s = END_S - 5 * DAY_S
    assert [await service(stage).step(), await service(stage).step()] == [1, 0]
    assert [subject.split()[-1] for _, subject, _ in stage.entries()] == ["7"]
    stage.now_s = END_S
    assert await service(stage).step() == 0


async def test_several_workers_tell_once(stage: Stage) -> None:
    await listen(stage)
    stage.now_s = END_S - DAY_S
    assert sum(await asyncio.gather(*(service(stage).step() for _ in range(3)))) == 1
    assert await told(stage) == [("", "credential.expiring"), ("swift", "credential.expiring")]


async def test_what_was_replaced_is_meant_to_end(stage: Stage) -> None:
    new = read_certificate(certificate("newer"), stage.now_s)
    assert isinstance(new, RegisteredCertificate)
    assert await stage.authority.add_certificate(await stage.client("tls-app"), new, "ops", overlap_s=DAY_S) is None
    keys = read_public_keys({"keys": [jwk("k2")]}, NOW_S)
    assert isinstance(keys, tuple)
    assert await stage.authority.add_keys(await stage.client("key-app"), keys, "ops", overlap_s=DAY_S) is None
    await stage.authority.add_secret(await stage.client("secret-app"), "ops")
    before = stage.entries()
    assert await service(stage).step() == 0
    assert stage.entries() == before
    assert await stage.authority.remove_key(await stage.client("key-app"), "k2", "ops") is None
    assert await service(stage).step() == 1


async def test_a_disabled_client_is_not_told_of(stage: Stage) -> None:
    stage.now_s = END_S - DAY_S
    await Clients(stage.store).set_disabled("tls-app", True, int(stage.now_s))
    assert await service(stage).step() == 0


async def test_what_could_not_be_recorded_is_told_later_and_by_others_at_once(stage: Stage) -> None:
    stage.now_s = END_S - DAY_S
    closed = Writer.open(stage.folder / "log", "closed")
    assert isinstance(closed, Writer)
    closed.close()
    with pytest.raises(AuthorityError):
        await Expiring(stage.store, closed, lambda: int(stage.now_s * 1_000_000)).step()
    assert await service(stage).step() == 1


async def test_a_claim_whose_process_ended_is_taken_over(stage: Stage) -> None:
    stage.now_s = END_S - DAY_S
    ((held, days),) = due(await Expiries(stage.store).held(), int(stage.now_s))
    assert await Expiries(stage.store).claim(held, days, int(stage.now_s * 1_000_000))
    assert await service(stage).step() == 0
    stage.now_s += CLAIM_S
    assert await service(stage).step() == 1


@looking(max_examples=50)
@given(some.integers(-5, 60 * DAY_S))
def test_the_nearest_threshold_is_the_smallest_that_is_passed(left_s: int) -> None:
    passed = [days for days in DAYS if 0 < left_s <= days * DAY_S]
    assert nearest(NOW_S + left_s, NOW_S) == min(passed, default=None)


_HELD = some.builds(
    Held,
    some.sampled_from(["a", "b"]),
    some.just("swift"),
    some.sampled_from(["key", "secret"]),
    some.text("xyz", min_size=1, max_size=3),
    some.integers(0, 5),
    some.none() | some.integers(NOW_S, NOW_S + 40 * DAY_S),
)


@looking(max_examples=50)
@given(some.lists(_HELD, max_size=8))
def test_of_what_one_client_holds_of_a_kind_the_last_to_end_is_always_told_of(held: list[Held]) -> None:
    found = {(each.client_id, each.kind, each.ends_s) for each, _ in due(held, NOW_S)}
    for client, kind in {(each.client_id, each.kind) for each in held}:
        ends = [each.ends_s for each in held if (each.client_id, each.kind) == (client, kind)]
        known = [each for each in ends if each is not None]
        if len(known) == len(ends) and nearest(max(known), NOW_S) is not None:
            assert (client, kind, max(known)) in found
