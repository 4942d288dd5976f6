"""What is taken back is found wherever it stands in a segment, and the few records that are looked for are."""

from pathlib import Path

import pytest

from gateway.audit.frames import frame, leaf_hash
from gateway.audit.leaf import Pulse, Undelivered
from gateway.sla.scan import PIECE_BYTES, Piece, extent, leaves_with, records, whole_of
from tests.unit.sla.hub import NOON_S, exchange, plan_of, plans_of
from tests.unit.sla.measured import leaves, put

PLAN = plan_of(plans_of())
NEEDLE = b'"type":"pulse"'


def taking_back(number: int, leaf: str) -> Undelivered:
    return Undelivered(number, f"request-{number}", "", "", "", leaf, "exchange")


@pytest.mark.parametrize("distance", [-20, -1, 0, 1, 300])
def test_a_record_at_the_edge_of_what_is_read_at_once_is_found(tmp_path: Path, distance: int) -> None:
    (pulse,) = leaves("gw-1", [Pulse(7)])
    filling = frame(b'{"v":2}' + b" " * 40_000)
    room = PIECE_BYTES + distance - len(frame(pulse)) // 2
    before = filling * (room // len(filling))
    rest = room - len(before)
    before += frame(b'{"v":2}' + b" " * (rest - 15)) if rest > 15 else b""
    path = tmp_path / "segment"
    path.write_bytes(before + frame(pulse) + filling * 3)
    assert set(leaves_with(NEEDLE, path, 0, path.stat().st_size)) == {pulse}
    assert set(leaves_with(NEEDLE, path, len(before), path.stat().st_size)) == {pulse}
    assert not set(leaves_with(NEEDLE, path, 0, len(before) + 20)), "not whole among those bytes"


def test_only_what_a_piece_holds_is_taken_back(tmp_path: Path) -> None:
    (kept,) = leaves("gw-1", [exchange(PLAN, NOON_S)])
    found = leaves("gw-1", [Pulse(1), taking_back(3, leaf_hash(kept)), Pulse(2), taking_back(4, "ab" * 32)])
    put(tmp_path, "gw-1", 1, found)
    assert extent(tmp_path, {}).retracted == {leaf_hash(kept), "ab" * 32}
    assert extent(tmp_path, {}).requests == {"request-3", "request-4"}


def test_an_exchange_is_read_whole_where_that_is_asked(tmp_path: Path) -> None:
    said = exchange(PLAN, NOON_S, status=502, code="backend-error")
    put(tmp_path, "gw-1", 1, leaves("gw-1", [said]))
    (piece,) = extent(tmp_path, {}).pieces
    assert isinstance(piece, Piece)
    ((_, leaf, seen),) = records(piece)
    whole = whole_of(leaf)
    assert (whole.code, whole.agreement, whole.product) == (said.code, said.agreement, said.product)
    assert seen.time_us == whole.time_us == said.time_us
    with pytest.raises(ValueError, match="Expected"):
        whole_of(b'{"entry":{"type":"exchange","time_us":"soon"}}')
