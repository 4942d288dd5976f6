"""/partner/notices: a partner reads what is for it, with what proves it, and nothing of another's."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from contracts.notice import kind_of
from gateway.front_doors import front_doors
from gateway.notices.known import canonical, hash_of
from gateway.notices.routes import notice_routes
from gateway.notices.signing import read_signed, sign
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.verify import INVALID, MISSING
from gateway.partner.door import PartnerDoor
from gateway.store.notices import KeptNotice, Notices
from gateway.store.store import Store
from gateway.tlog.note import Signer
from tests.unit.exchange.judging import judged_by
from tests.unit.notices.announcing import AGREEMENT, announcing_workspace, at_us, loaded
from tests.unit.store.ready_file import ready_file

NOW_US = at_us("2026-11-01T00:00")
SIGNER = Signer("hub.example/log/notices", bytes(32))
NIGHTS = """
    notice: nights
    kind: maintenance
    from: 2026-11-03T00:00
    duration: PT1H
    rrule: FREQ=DAILY
    until: 2026-11-06
"""


def _verify(authorization: bytes | None, now_s: float) -> Grant | Rejected:
    if authorization is None:
        return MISSING
    partner = authorization.decode().removeprefix("Bearer ")
    return Grant("app", partner, "", frozenset(), "", "", 0, 1 << 40) if partner in ("swift", "other") else INVALID


def kept(text: str) -> KeptNotice:
    notice = loaded(text)
    data, kind = canonical(notice), kind_of(notice.value)
    sha256 = hash_of(data)
    return KeptNotice(
        id=notice.value.notice,
        kind=kind,
        json=data.decode(),
        sha256=sha256,
        note=sign(SIGNER, notice.value.notice, kind, sha256, NOW_US),
        announced_us=NOW_US,
        published_by="ops",
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(ready_file(tmp_path))
    yield opened
    await opened.close()


async def read(store: Store, tmp_path: Path, partner: str = "swift") -> tuple[int, Any]:
    plans = announcing_workspace(tmp_path / "workspace").plans
    door = PartnerDoor(judged_by(_verify), now_us=lambda: NOW_US)
    async with AsyncTestClient(front_doors(notice_routes(door, store, lambda: plans))) as client:
        answer = await client.get("/partner/notices", headers={"authorization": f"Bearer {partner}"})
    return answer.status_code, answer.json()


async def test_a_partner_reads_what_is_for_it_and_which_windows_count(store: Store, tmp_path: Path) -> None:
    assert await Notices(store).add(kept(NIGHTS))
    status, body = await read(store, tmp_path)
    assert status == 200
    (shown,) = body["notices"]
    assert [(each["agreement"], each["from"], each["counts"]) for each in shown["coming"]] == [
        (AGREEMENT, "2026-11-02T16:00:00Z", False),  # two days and not three
        (AGREEMENT, "2026-11-03T16:00:00Z", True),
        (AGREEMENT, "2026-11-04T16:00:00Z", True),
    ]
    said = read_signed(shown["note"], SIGNER.verifier)
    assert said is not None
    assert (said.sha256, said.announced_us) == (shown["sha256"], NOW_US)
    assert "published_by" not in shown


async def test_it_reads_nothing_of_another_s(store: Store, tmp_path: Path) -> None:
    assert await Notices(store).add(kept(f"{NIGHTS}    agreements: [another-2026]\n"))
    both = NIGHTS.replace("nights", "both") + f"    agreements: [another-2026, {AGREEMENT}]\n"
    assert await Notices(store).add(kept(both))
    _, body = await read(store, tmp_path)
    assert [each["notice"]["agreements"] for each in body["notices"]] == [[AGREEMENT]]
    assert await read(store, tmp_path, "other") == (200, {"notices": []})


async def test_nobody_unknown_reads_anything(store: Store, tmp_path: Path) -> None:
    assert (await read(store, tmp_path, "nobody"))[0] == 401
