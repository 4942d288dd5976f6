"""Reading back: all records, those of one kind, that of a receipt; while the log is written, and when damaged."""

from pathlib import Path

import msgspec
import pytest

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import frame
from gateway.audit.leaf import Authority, Entry, Exchange, Opening, Receipt, Undelivered
from gateway.audit.reader import find_receipt, read_as, read_counted, read_entries, read_exchanges
from tests.unit.audit.doubles import QUIET, a_part, an_authority, an_exchange, an_intent, an_observation, opened


class Counted(msgspec.Struct, frozen=True, tag="exchange"):
    """Two fields of an exchange."""

    partner: str
    status: int


def a_log(log: Path, segment_bytes: int = 3000) -> list[Receipt]:
    """Two writers over four segments: exchanges 0-9 and an authority record each, and three records of counts."""
    receipts = []
    for name in ("gw-1", "gw-2"):
        writer = opened(log, name, options=msgspec.structs.replace(QUIET, segment_bytes=segment_bytes))
        entries: list[Entry] = [*(an_exchange(number, client=name) for number in range(10)), an_authority()]
        receipts += [writer.append_written(entry) for entry in entries]
        writer.close()
    return [receipt for receipt in receipts if isinstance(receipt, Receipt)]


def test_all_writers_and_segments_are_read_in_order(tmp_path: Path) -> None:
    a_log(tmp_path)
    places = [located.leaf.at for located in read_entries(tmp_path)]
    assert [(at.writer, at.seq) for at in places] == [(name, seq) for name in ("gw-1", "gw-2") for seq in range(15)]


def test_a_record_is_located(tmp_path: Path) -> None:
    a_log(tmp_path)
    for located in read_entries(tmp_path):
        data = (tmp_path / located.file).read_bytes()
        assert data[located.offset :].startswith(frame(located.raw))


def test_exchanges_alone_are_read(tmp_path: Path) -> None:
    a_log(tmp_path)
    found = list(read_exchanges(tmp_path))
    assert found == [an_exchange(number, client=name) for name in ("gw-1", "gw-2") for number in range(10)]


def test_a_reader_chooses_the_fields_it_wants(tmp_path: Path) -> None:
    a_log(tmp_path)
    assert list(read_as(tmp_path, Counted)) == [Counted("swift-logistics", 200)] * 20
    assert list(read_as(tmp_path, Authority)) == [an_authority()] * 2
    assert [opening.last_seq for opening in read_as(tmp_path, Opening)] == [-1, -1]


def test_all_that_figures_are_counted_from_is_read_in_its_order(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    counted: list[Entry] = [an_intent(1), an_exchange(1), a_part(2), an_observation(), an_intent(2)]
    for entry in (*counted[:2], an_authority(), *counted[2:]):
        assert isinstance(writer.append_written(entry), Receipt)
    writer.close()
    assert list(read_counted(tmp_path)) == counted
    assert list(read_exchanges(tmp_path)) == [an_exchange(1)]
    assert [located.leaf.entry for located in read_entries(tmp_path)][1:] == [
        *counted[:2],
        an_authority(),
        *counted[2:],
    ]


def test_a_record_that_is_taken_back_is_not_counted_and_what_takes_it_back_is(tmp_path: Path) -> None:
    writer = opened(tmp_path, options=msgspec.structs.replace(QUIET, segment_bytes=3000))
    entries: list[Entry] = [an_intent(1), an_exchange(1), a_part(2), a_part(2), an_observation(), an_exchange(2)]
    receipts = [writer.append_written(entry) for entry in entries]
    hashes = [receipt.leaf_hash for receipt in receipts if isinstance(receipt, Receipt)]
    # Two parts whose entries are the same: it is the record that is taken back.
    back = [undelivered(hashes[2], "part"), undelivered(hashes[5], "exchange"), undelivered("00" * 32, "exchange")]
    for entry in back:
        assert isinstance(writer.append_written(entry), Receipt)
    writer.close()
    assert list(read_counted(tmp_path)) == [*entries[:2], *entries[3:5], *back]
    assert len(list(read_exchanges(tmp_path))) == 2, "the log holds them all the same"


def undelivered(leaf: str, retracted: str) -> Undelivered:
    return Undelivered(1, "request-1", "swift-logistics", "swift-logistics-2026", "1.0.0", leaf, retracted)


def test_a_kind_that_no_record_is_of_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Receipt has no tag"):
        list(read_as(tmp_path, Receipt))


def test_a_log_is_read_while_it_is_written(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    writer.append_written(an_exchange(1))
    with (tmp_path / "gw-1" / "00000001.seg").open("ab") as file:
        file.write(frame(b'{"v":1')[:-1])
    assert [exchange.request_id for exchange in read_exchanges(tmp_path)] == ["request-1"]
    writer.close()


@pytest.mark.parametrize("number", [1, 2])
def test_damage_is_reported_with_its_place(tmp_path: Path, number: int) -> None:
    a_log(tmp_path)
    path = tmp_path / "gw-1" / f"{number:08d}.seg"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptLogError) as raised:
        list(read_entries(tmp_path))
    assert (raised.value.file, raised.value.offset) == (f"gw-1/{path.name}", 0)


def test_a_torn_tail_in_front_of_a_later_segment_is_damage(tmp_path: Path) -> None:
    a_log(tmp_path)
    path = tmp_path / "gw-1" / "00000001.seg"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptLogError):
        list(read_exchanges(tmp_path))


def test_a_frame_that_is_no_record_is_damage(tmp_path: Path) -> None:
    a_log(tmp_path)
    with (tmp_path / "gw-2" / "00000004.seg").open("ab") as file:
        file.write(frame(b'{"v":1}'))
    for read in (read_entries, read_exchanges):
        with pytest.raises(CorruptLogError):
            list(read(tmp_path))


def test_every_receipt_leads_to_its_record(tmp_path: Path) -> None:
    for receipt in a_log(tmp_path):
        located = find_receipt(tmp_path, receipt)
        assert located is not None
        assert located.receipt() == receipt
        assert located in list(read_entries(tmp_path))


def test_a_receipt_is_found_when_the_newest_segment_is_empty_or_torn(tmp_path: Path) -> None:
    receipt = a_log(tmp_path)[10]
    for tail in (b"", b"\x00\x00", bytes(100)):
        (tmp_path / "gw-1" / "00000005.seg").write_bytes(tail)
        assert find_receipt(tmp_path, receipt) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"leaf_hash": "00" * 32},
        {"writer": "gw-2"},
        {"writer": "gw-3"},
        {"writer": "../gw-1"},
        {"writer": ""},
        {"epoch": 2},
        {"seq": 4},
        {"seq": 12},
        {"seq": 10**15},
        {"seq": -1},
    ],
)
def test_a_receipt_that_is_not_of_this_log_leads_nowhere(tmp_path: Path, changes: dict[str, str | int]) -> None:
    receipt = a_log(tmp_path)[4]
    assert find_receipt(tmp_path, receipt) is not None
    assert find_receipt(tmp_path, msgspec.structs.replace(receipt, **changes)) is None


def test_reading_an_exchange_gives_what_was_recorded(tmp_path: Path) -> None:
    entry: Exchange = an_exchange(7, route="/v1/零件/{key}", status=503, withheld=3)
    writer = opened(tmp_path)
    writer.append_written(entry)
    writer.close()
    assert list(read_exchanges(tmp_path)) == [entry]
