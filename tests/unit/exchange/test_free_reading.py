"""What was not counted must not be learnt: an ETag says that the caller has this very answer, and nothing of others."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from contracts.offer import digest
from contracts.plan import Plans
from gateway.exchange.serve import Serving
from policies.keys import PartnerKeys
from policies.limit import Limit
from tests.unit.exchange.stage import Reply, Stage
from tests.unit.exchange.test_settle import Pages, with_limits
from tests.unit.exchange.wares import WARES, Database, ware, wares

CITIES = ("Wuhan", "Yichang", "Chengdu")
Made = Callable[..., Stage]


def keyed(plans: Plans, secret: bytes = bytes(32)) -> Plans:
    return plans.with_keys(lambda partner: PartnerKeys(secret, partner))


class Filtered(Pages):
    """Gives the record that a filter by its key asks for."""

    async def answer(self, call: Any, query: Any) -> Any:
        if query.where is not None:
            self.records = [ware(query.where.value, address={"city": CITIES[0], "street": "Road 1"})]
        return await super().answer(call, query)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(*limits: Limit, backend: Pages | None = None) -> Stage:
        where = [{"city": CITIES[number % 3], "street": "Road 1"} for number in range(9)]
        held = backend or Pages([ware(f"W-{number}", address=place) for number, place in enumerate(where)])
        plans = keyed(with_limits(wares(Database()), *limits))
        stage = Stage(tmp_path / "log", plans, held)
        stage.grant = WARES
        return stage

    return make


def guesses(reply: Reply) -> set[str]:
    """What a caller can compute from data that it guessed, and from all that it is told."""
    contract = reply.headers["clausegate-agreement"].partition('contract="')[2].rstrip('"')
    told = ("", contract, digest(contract, "wares"), digest(contract, "wares") + "W-0")
    return {sha256(begin.encode() + sha256(reply.body).digest()).hexdigest()[:32] for begin in told}


async def test_no_etag_can_be_computed_from_a_guess_of_the_data(made: Made) -> None:
    stage = made()
    reply = await stage.get("/v1/wares/W-0")
    assert reply.headers["etag"].strip('"') not in guesses(reply)
    stage.gateway.serving = Serving(wares(Database()), stage.gateway.serving.adapters)
    bare = await stage.get("/v1/wares/W-0")
    assert bare.headers["etag"].strip('"') in guesses(bare), "guesses are not made as ETags are"


def test_seeds_of_etags_are_secrets_one_for_each_partner_and_object() -> None:
    plans = wares(Database())
    first, second = (keyed(plans, bytes([number]) * 32) for number in (1, 2))
    seeds = {plan.seed for each in (plans, first, second) for plan in each.all_plans()}
    assert len(seeds) == 3  # the same for all operations: If-Match takes what a read gave
    assert {plan.seed for plan in keyed(plans, bytes([1]) * 32).all_plans()} < seeds


async def test_the_etag_of_one_record_says_nothing_of_another(made: Made) -> None:
    """Else whoever read each city once would learn the city of every other record, and no data would be counted."""
    stage = made()
    known = [(await stage.get(f"/v1/wares/W-{number}?fields=address.city")).headers["etag"] for number in range(3)]
    for number in range(3, 9):
        reply = await stage.get(f"/v1/wares/W-{number}?fields=address.city", if_none_match=", ".join(known))
        assert (reply.status, reply.json()) == (200, {"address": {"city": CITIES[number % 3]}})


async def test_the_etag_of_a_page_says_nothing_of_a_page_by_another_filter(made: Made) -> None:
    stage = made(backend=Filtered([]))
    known = (await stage.get("/v1/wares?id=W-0&fields=address.city")).headers["etag"]
    assert (await stage.get("/v1/wares?id=W-0&fields=address.city", if_none_match=known)).status == 304
    assert (await stage.get("/v1/wares?id=W-1&fields=address.city", if_none_match=known)).status == 200


async def test_a_record_that_was_read_can_be_changed_by_its_etag_and_by_no_other(made: Made) -> None:
    stage = made()
    first, second = [(await stage.get(f"/v1/wares/W-{number}")).headers["etag"] for number in (0, 1)]
    as_patch = {"content_type": "application/merge-patch+json"}
    assert (await stage.ask("PATCH", "/v1/wares/W-0", {"pieces": 9}, if_match=second, **as_patch)).status == 412
    changed = await stage.ask("PATCH", "/v1/wares/W-0", {"pieces": 9}, if_match=first, **as_patch)
    assert (changed.status, changed.headers["etag"]) == (200, (await stage.get("/v1/wares/W-0")).headers["etag"])
