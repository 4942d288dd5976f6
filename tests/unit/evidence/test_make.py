"""A bundle holds exactly what was asked for, is the same every time, and is there whole or not at all."""

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from gateway.audit.leaf import Exchange
from gateway.audit.sidecar import Sidecar
from gateway.evidence.anchoring import choose_anchors
from gateway.evidence.bundle import ANCHORS_MAX
from gateway.evidence.check import BundleReport, check_bundle
from gateway.evidence.make import Asked, make_bundle
from gateway.evidence.published import NotMade
from gateway.store.hidden import Hidden
from gateway.tlog.anchors import Anchor, Pages, extended_pages, format_key, format_latest
from gateway.tlog.tiles import TilePath
from tests.unit.evidence.sample import (
    CONTRACT,
    CONTRACT_HASH,
    DAY_US,
    FROM,
    OCTOBER_US,
    PARTNER,
    TO,
    Hub,
    exchange,
    lines,
    member,
    some_hub,
)
from tests.unit.tlog.segment_log import KEYS


def times_of(bundle: Path) -> list[int]:
    return [line["leaf"]["entry"]["time_us"] for line in lines(bundle, "records.jsonl")]  # type: ignore[index]


def test_the_period_takes_its_first_moment_and_not_its_last(tmp_path: Path) -> None:
    hub = Hub(tmp_path, ["gw-1"])
    november_us = OCTOBER_US + 31 * DAY_US
    hub.write([exchange(at) for at in (OCTOBER_US - 1, OCTOBER_US, november_us - 1, november_us)])
    hub.sequence()
    assert times_of(hub.make(from_time=FROM, until_time=TO)) == [OCTOBER_US, november_us - 1]
    assert times_of(hub.make("a.zip", from_time=FROM)) == [OCTOBER_US, november_us - 1, november_us]
    assert times_of(hub.make("b.zip", until_time=TO)) == [OCTOBER_US - 1, OCTOBER_US, november_us - 1]
    assert len(times_of(hub.make("c.zip"))) == 4


def test_records_that_arrived_earlier_than_those_before_them_are_found_as_well(tmp_path: Path) -> None:
    hub = Hub(tmp_path, ["gw-1"])
    shuffled = [OCTOBER_US + day * DAY_US for day in (-3, 4, -2, 40, 2, 50)]
    hub.write([exchange(at) for at in shuffled])
    hub.sequence()
    bundle = hub.make(from_time=FROM, until_time=TO)
    assert times_of(bundle) == [OCTOBER_US + 4 * DAY_US, OCTOBER_US + 2 * DAY_US]
    assert [line["index"] for line in lines(bundle, "proofs.jsonl")] == [1, 4]


def test_the_same_tree_and_period_give_the_same_bytes_whatever_the_file_is_called(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    first = hub.make("first.zip", from_time=FROM, until_time=TO)
    second = hub.make("second.zip", from_time=FROM, until_time=TO)
    assert first.read_bytes() == second.read_bytes()


def test_only_entries_near_the_period_are_taken_along_but_all_hashes_are(tmp_path: Path) -> None:
    hub = some_hub(tmp_path, records=1200, step_us=DAY_US // 12)
    bundle = hub.make(from_time="2026-12-01T00:00:00+08:00")
    names = set(ZipFile(bundle).namelist())
    assert TilePath("entries", 0).text() not in names
    assert {TilePath(0, index).text() for index in range(4)} < names
    assert {name for name in names if name.startswith("tile/1/")} == {"tile/1/000.p/4"}


def test_a_partial_tile_that_was_replaced_meanwhile_is_cut_from_the_full_one(tmp_path: Path) -> None:
    hub = some_hub(tmp_path, records=99)
    before = (tmp_path / "log/tree/partners/swift/checkpoint").read_bytes()
    hub.write([exchange(OCTOBER_US + number) for number in range(400)])
    hub.sequence()
    assert not (tmp_path / "log/tree/partners/swift/tile/0/000.p/100").exists()
    hub.target.write("partners/swift/checkpoint", before)
    report = check_bundle(hub.make())
    assert isinstance(report, BundleReport)
    assert (report.tree_size, report.records) == (100, 100)


def test_contracts_that_records_name_are_there_and_those_that_nobody_kept_are_named(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    hub.write([exchange(OCTOBER_US, contract="a" * 64)])
    hub.sequence()
    bundle = hub.make()
    report = check_bundle(bundle)
    assert isinstance(report, BundleReport)
    assert member(bundle, f"contracts/{CONTRACT_HASH}.json") == CONTRACT
    assert (report.contracts, report.contracts_missing) == (1, ("a" * 64,))
    assert "One document of a contract was not kept" in member(bundle, "README.md").decode()


def test_a_document_that_is_not_what_its_name_says_counts_as_missing(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    (hub.log / "contracts" / f"{CONTRACT_HASH}.json").write_bytes(CONTRACT + b" ")
    report = check_bundle(hub.make())
    assert isinstance(report, BundleReport)
    assert report.contracts_missing == (CONTRACT_HASH,)


def test_another_partners_records_are_in_no_member(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    with ZipFile(hub.make()) as bundle:
        assert not any(b'"partner":"other"' in bundle.read(name) for name in bundle.namelist())


def test_keys_and_policy_are_taken_along(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    receipts = KEYS.receipt_signer().verifier.text()
    bundle = hub.make(receipts_vkey=receipts, policy=b"quorum none\n")
    assert member(bundle, "receipts-vkey").decode() == f"{receipts}\n"
    assert member(bundle, "policy") == b"quorum none\n"
    report = check_bundle(bundle)
    assert isinstance(report, BundleReport)
    assert report.quorum_met is True


def test_openings_are_there_only_when_asked_for_and_open_the_payloads(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path / "sidecar" / "gw-1", Hidden(b"s" * 32))
    bodies = [b'{"data":[]}', b'{"data":[1]}']
    payloads = [str(sidecar.commit(hashlib.sha256(body).digest(), ["S-1"])) for body in bodies]
    sidecar.close()
    hub = Hub(tmp_path, ["gw-1"])
    closed = exchange(OCTOBER_US, payload="9" * 64)
    hub.write([closed, exchange(OCTOBER_US + 1), *(exchange(OCTOBER_US + 2, payload=each) for each in payloads)])
    hub.sequence()
    assert "openings.jsonl" not in ZipFile(hub.make("without.zip")).namelist()
    bundle = hub.make(sidecar=tmp_path / "sidecar")
    found = lines(bundle, "openings.jsonl")
    assert [line["index"] for line in found] == [2, 3]
    for line, body in zip(found, bodies, strict=True):
        key = bytes.fromhex(str(line["key"]))
        assert hmac_of(key, body) == line["payload"]
    report = check_bundle(bundle)
    assert isinstance(report, BundleReport)
    assert report.openings == 2


def hmac_of(key: bytes, body: bytes) -> str:
    """RFC 2104, as it is written there."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + hashlib.sha256(body).digest()).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).hexdigest()


def refused(hub: Hub, name: str = "evidence.zip", **asked: object) -> NotMade:
    made = make_bundle(hub.target, hub.log, Asked(**{"partner": PARTNER, **asked}), hub.folder / name)  # type: ignore[arg-type]
    assert isinstance(made, NotMade)
    return made


def left(hub: Hub) -> list[str]:
    return sorted(path.name for path in hub.folder.iterdir())


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    (tmp_path / "evidence.zip").write_bytes(b"mine")
    assert refused(hub).kind == "exists"
    assert (tmp_path / "evidence.zip").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"partner": "nobody"}, "no-tree"),
        ({"partner": ""}, "no-tree"),
        ({"partner": "../root"}, "no-tree"),
        ({"partner": "swift/"}, "no-tree"),
        ({"from_time": "2031-01-01T00:00:00+08:00"}, "no-records"),
        ({"key": KEYS.verifier("partners/other")}, "damaged"),
    ],
)
def test_what_cannot_be_made_says_why_and_leaves_nothing(tmp_path: Path, asked: dict[str, Any], kind: str) -> None:
    hub = some_hub(tmp_path)
    assert refused(hub, **asked).kind == kind
    assert left(hub) == ["log"]


@pytest.mark.parametrize("path", ["checkpoint", "vkey", "tile/0/000.p/31", "tile/entries/000.p/31", "anchors/000.p/1"])
def test_a_published_tree_that_was_tampered_with_gives_no_bundle(tmp_path: Path, path: str) -> None:
    hub = some_hub(tmp_path)
    file = tmp_path / "log/tree/partners/swift" / path
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert refused(hub).kind == "damaged"
    assert left(hub) == ["log"]


def test_a_disk_that_cannot_be_read_or_written_is_told_apart(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    assert refused(hub, "no/such/folder.zip").kind == "unwritable"

    class Broken:
        def read(self, path: str) -> bytes | None:
            if "entries" in path:
                raise OSError(5, "EIO")
            return hub.target.read(path)

    made = make_bundle(Broken(), hub.log, Asked(partner=PARTNER), tmp_path / "evidence.zip")  # type: ignore[arg-type]
    assert isinstance(made, NotMade)
    assert made.kind == "unreadable"
    assert left(hub) == ["log"]


def test_a_period_that_ends_before_it_begins_is_no_period(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    with pytest.raises(ValueError, match="second after the first"):
        make_bundle(hub.target, hub.log, Asked(partner=PARTNER, from_time=TO, until_time=FROM), tmp_path / "x.zip")
    with pytest.raises(ValueError, match="offset"):
        make_bundle(hub.target, hub.log, Asked(partner=PARTNER, from_time="2026-10-01"), tmp_path / "x.zip")


def test_progress_is_told_of_every_phase_and_never_more_than_all(tmp_path: Path) -> None:
    hub = some_hub(tmp_path, records=600)
    told: list[tuple[str, int, int]] = []
    asked = Asked(partner=PARTNER, from_time=FROM)
    make_bundle(hub.target, hub.log, asked, tmp_path / "evidence.zip", lambda *step: told.append(step))
    assert {phase for phase, _, _ in told} == {"finding", "packing", "checking"}
    assert all(0 <= done <= total for _, done, total in told)


def test_a_bundle_without_a_root_log_says_that_it_has_no_anchors(tmp_path: Path) -> None:
    hub = Hub(tmp_path, ["gw-1"])
    hub.write([exchange(OCTOBER_US)])
    hub.sequence(anchored=False)
    report = check_bundle(hub.make())
    assert isinstance(report, BundleReport)
    assert (report.anchors, report.root_key) == (0, "")


def test_anchors_later_than_the_checkpoint_are_left_out(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    before = hub.target.read("partners/swift/checkpoint")
    hub.write([exchange(OCTOBER_US)])
    hub.sequence()
    assert before is not None
    hub.target.write("partners/swift/checkpoint", before)
    report = check_bundle(hub.make())
    assert isinstance(report, BundleReport)
    assert (report.anchors, report.anchored_size) == (1, 31)


def anchored(sizes: list[int]) -> dict[str, bytes]:
    """The published list of these checkpoints."""
    anchors = [Anchor(number, size, 3 * number) for number, size in enumerate(sizes)]
    pages: Pages = extended_pages(0, b"", anchors)
    return {**pages.files, "anchors/key": format_key(b"k" * 32), "anchors/latest": format_latest(len(sizes))}


def chosen(sizes: list[int], first: int, end: int) -> list[int]:
    found = choose_anchors(anchored(sizes).get, first, end)
    assert found is not None
    return [anchor.size for anchor in found.anchors]


def test_anchors_reach_from_the_first_tree_with_the_first_entry_to_the_first_with_all_and_the_latest() -> None:
    assert chosen([5, 10, 20, 30, 40, 50], 10, 25) == [20, 30, 50]
    assert chosen([5, 10, 20, 30, 40, 50], 0, 50) == [5, 10, 20, 30, 40, 50]
    assert chosen([5, 10], 10, 25) == [10]
    assert choose_anchors(lambda _: None, 0, 10) is None


def test_anchors_of_a_long_period_are_thinned_evenly_and_keep_both_ends() -> None:
    sizes = list(range(1, 5001))
    found = chosen(sizes, 0, 4500)
    assert len(found) <= ANCHORS_MAX + 2
    assert found[0] == 1
    assert found[-2:] == [4500, 5000]
    steps = {later - earlier for earlier, later in pairwise(found[:-2])}
    assert steps == {8}


def test_a_record_that_is_no_record_stops_the_making(tmp_path: Path) -> None:
    hub = some_hub(tmp_path)
    assert isinstance(exchange(1), Exchange)
    path = tmp_path / "log/tree/partners/swift/tile/entries/000.p/31"
    path.write_bytes(path.read_bytes().replace(b'"type":"exchange"', b'"type":"exchangE"', 1))
    assert refused(hub).kind == "damaged"
