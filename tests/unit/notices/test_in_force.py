"""What a serving gateway does about notices: headers as their standards say, and who is refused under which clause."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from contracts.plan import Contract
from gateway.notices.adopting import NoticesAdopting
from gateway.notices.in_force import InForce, in_force
from gateway.notices.known import Announced, Known, Suspended
from gateway.notices.signing import sign
from gateway.store.faults import StoreError
from gateway.store.notices import KeptNotice, KeptSuspension, Notices, Suspensions
from gateway.store.store import Store
from gateway.tlog.note import Signer
from tests.unit.notices.announcing import (
    AGREEMENT,
    PARTNER,
    PRODUCT,
    VERSION,
    announced,
    announcing_workspace,
    at_us,
    the_contract,
)
from tests.unit.store.ready_file import ready_file

OLD = f"""
    kind: deprecation
    product: {PRODUCT}
    version: {VERSION}
    deprecated: 2026-11-01T00:00
    sunset: 2027-02-01T00:00
"""
LINKS = """    link: https://hub.example/shipments
    successor: https://hub.example/v3
"""
DAY = "2026-11-01T00:00"


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return the_contract(announcing_workspace(tmp_path_factory.mktemp("workspace")))


def headers(
    *notices: Announced, at: str = DAY, version: str = VERSION, agreement: str = AGREEMENT
) -> dict[bytes, bytes]:
    return dict(in_force(Known(notices)).headers(PRODUCT, version, agreement, at_us(at)))


def test_the_headers_are_those_of_the_standards() -> None:
    # RFC 9745: a date of RFC 9651; RFC 8594: an HTTP date. Midnight in Shanghai is 16:00 the day before in UTC.
    assert headers(announced(OLD + LINKS, "2026-08-01")) == {
        b"deprecation": b"@1793462400",
        b"sunset": b"Sun, 31 Jan 2027 16:00:00 GMT",
        b"link": (
            b'<https://hub.example/shipments>; rel="deprecation"; type="text/html", '
            b'<https://hub.example/shipments>; rel="sunset"; type="text/html", '
            b'<https://hub.example/v3>; rel="successor-version"'
        ),
    }
    assert b"link" not in headers(announced(OLD, "2026-08-01"))


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({}, True),
        ({"at": "2026-10-31T23:59"}, False),
        ({"at": "2027-03-01"}, True),
        ({"version": "3.0.0"}, False),
        ({"agreement": "another"}, True),
    ],
)
def test_they_begin_when_the_notice_says(change: dict[str, str], there: bool) -> None:
    assert bool(headers(announced(OLD, "2026-08-01"), **change)) is there


def test_they_never_begin_before_the_notice_was_published() -> None:
    late = announced(OLD, "2026-11-05T00:00")
    assert not headers(late, at="2026-11-04T23:59")
    assert headers(late, at="2026-11-05T00:00")[b"deprecation"] == b"@1793462400"


def test_a_withdrawn_notice_and_one_for_others_say_nothing() -> None:
    assert not headers(announced(OLD, "2026-08-01", withdrawn="2026-08-02"))
    others = announced(f"{OLD}    agreements: [another]\n", "2026-08-01")
    assert not headers(others)
    assert headers(others, agreement="another")


def test_of_several_notices_the_latest_counts_and_those_that_name_the_agreement_first() -> None:
    first = announced(OLD, "2026-08-01")
    moved = announced(OLD.replace("2027-02-01", "2027-03-01"), "2026-08-02")
    named = announced(OLD.replace("2027-02-01", "2027-04-01") + f"    agreements: [{AGREEMENT}]\n", "2026-08-01")
    assert headers(first, moved)[b"sunset"] == b"Sun, 28 Feb 2027 16:00:00 GMT"
    assert headers(first, named, moved)[b"sunset"] == b"Wed, 31 Mar 2027 16:00:00 GMT"


def test_a_suspended_agreement_is_refused_under_the_clause_of_who_suspends(contract: Contract) -> None:
    by_hub = Suspended("s-1", AGREEMENT, "hub", 1)
    refused = in_force(Known(suspensions=(by_hub,))).suspended(contract)
    assert refused is not None
    assert refused.id == "6.1"
    by_partner = in_force(Known(suspensions=(replace(by_hub, by="partner"),))).suspended(contract)
    assert by_partner == contract.effective_clause
    assert in_force(Known(suspensions=(replace(by_hub, ended_us=2),))).suspended(contract) is None
    assert in_force(Known(suspensions=(replace(by_hub, agreement="another"),))).suspended(contract) is None


async def test_a_gateway_takes_over_what_the_store_says_and_keeps_it_while_it_cannot_ask(
    tmp_path: Path, contract: Contract
) -> None:
    store = await Store.open(ready_file(tmp_path))
    found = InForce()
    adopting = NoticesAdopting(store, found)
    await adopting.step()
    assert found.suspended(contract) is None
    signer = Signer("hub.example/log/notices", bytes(32))
    said = (
        '{"notice":"n","kind":"deprecation","time_zone":"UTC","words":{"zh":"","en":""},"product":"%s","version":"%s",'
    )
    said = said % (PRODUCT, VERSION) + '"deprecated":"2026-01-01","sunset":"2027-01-01"}'
    note = sign(signer, "n", "deprecation", "0" * 64, 1)
    kept = KeptNotice(
        id="n", kind="deprecation", json=said, sha256="0" * 64, note=note, announced_us=1, published_by="ops"
    )
    assert await Notices(store).add(kept)
    newer = replace(kept, id="newer", json='{"kind":"of a later version"}')
    assert await Notices(store).add(newer)
    begun = KeptSuspension(
        id="s-1", partner=PARTNER, agreement=AGREEMENT, side="hub", begun_us=2, reason="", begun_by="ops"
    )
    assert await Suspensions(store).begin(begun)
    await adopting.step()
    assert found.suspended(contract) is not None
    assert found.is_deprecated(PRODUCT, VERSION, AGREEMENT, at_us("2026-11-01"))
    assert await Suspensions(store).end("s-1", 3, "")
    await adopting.step()
    assert found.suspended(contract) is None
    async with store.write() as connection:
        await connection.execute(text("ALTER TABLE notices RENAME TO lost"))
    with pytest.raises(StoreError):
        await adopting.step()
    assert found.is_deprecated(PRODUCT, VERSION, AGREEMENT, at_us("2026-11-01"))
    await store.close()
