"""`clausegate sequence` beside gateways that write: every record in its partner's tree once, whatever is killed."""

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.audit.layout import segments_in, writers_in
from gateway.audit.leaf import decode
from gateway.audit.reader import read_entries
from gateway.tlog.anchors import parse_key, parse_latest, read_anchors, root_entry
from gateway.tlog.checkpoint import Checkpoint, open_checkpoint
from gateway.tlog.note import parse_vkey
from gateway.tlog.tiles import decode_bundle, index_path
from tests.flows.backend import backend
from tests.flows.demo import Process, clausegate, running, until
from tests.flows.hub import hub
from tests.unit.tlog.segment_log import Roots, SegmentLog

pytestmark = pytest.mark.slow

SETTINGS = """\
log_origin = "gateway.example/log"
sequence = "alone"
tree_delay_ms = 20
root_delay_ms = 60
"""
PARTNERS = ("swift", "harbor", "delta", "")
KILLS = 6


class Published:
    """A tree as anybody finds it: files alone, read without the code that wrote them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        key = parse_vkey((folder / "vkey").read_text().removesuffix("\n"))
        opened = None if key is None else open_checkpoint((folder / "checkpoint").read_bytes(), key)
        assert opened is not None
        self.checkpoint = opened.checkpoint
        self.entries = list(self._read())
        self.roots = Roots(self.entries)

    def _read(self) -> Iterator[bytes]:
        size = self.checkpoint.size
        for index in range(-(-size // 256)):
            width = min(256, size - index * 256)
            partial = "" if width == 256 else f".p/{width}"
            entries = decode_bundle((self.folder / f"tile/entries/{index_path(index)}{partial}").read_bytes())
            hashes = (self.folder / f"tile/0/{index_path(index)}{partial}").read_bytes()
            assert hashes == b"".join(sha256(b"\x00" + entry).digest() for entry in entries)
            yield from entries

    def check(self) -> None:
        assert len(self.entries) == self.checkpoint.size
        assert self.roots.root(self.checkpoint.size) == self.checkpoint.root


def check(log: Path) -> dict[str, Published]:
    """All that is published belongs together and to the segments."""
    tree = log / "tree"
    published = {str(path.parent.relative_to(tree)): Published(path.parent) for path in tree.rglob("checkpoint")}
    for each in published.values():
        each.check()
    expected: dict[str, list[bytes]] = {}
    for record in read_entries(log):
        partner = getattr(record.leaf.entry, "partner", "")
        expected.setdefault(f"partners/{partner}" if partner else "hub", []).append(record.raw)
    assert {name: sorted(each.entries) for name, each in published.items() if name != "root"} == {
        name: sorted(entries) for name, entries in expected.items()
    }
    for name, each in published.items():
        for writer in {path.name for path in writers_in(log)}:
            at = [leaf.at for entry in each.entries if (leaf := decode(entry)) and leaf.at.writer == writer]
            assert [place.seq for place in at] == sorted({place.seq for place in at})
        if name != "root":
            check_anchors(each, published["root"])
    return published


def check_anchors(partner: Published, root: Published) -> None:
    key = parse_key((partner.folder / "anchors/key").read_bytes())
    count = parse_latest((partner.folder / "anchors/latest").read_bytes())
    assert key is not None
    assert count is not None
    listed = list(read_anchors(lambda path: read_file(partner.folder / path), count))
    assert listed[-1].size == partner.checkpoint.size
    for anchor in listed:
        text = Checkpoint(partner.checkpoint.origin, anchor.size, partner.roots.root(anchor.size)).text()
        assert root.entries[anchor.root_index] == root_entry(key, anchor.number, text).encode()


def read_file(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def sizes(log: Path) -> dict[str, int]:
    """The size under each checkpoint that can be read just now."""
    files = {path: path.read_text().split("\n") for path in (log / "tree").rglob("checkpoint")}
    return {str(path.parent): int(lines[1]) for path, lines in files.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "hub"
    made.mkdir()
    (made / "clausegate.toml").write_text(SETTINGS)
    return made


def sequence(folder: Path, said: str, *options: str) -> AbstractContextManager[Process]:
    return running(folder.parent / said, "sequence", folder, *options)


@pytest.mark.long
def test_a_sequencer_that_is_killed_again_and_again_puts_every_record_into_its_tree_once(folder: Path) -> None:
    moments = random.Random(7)  # noqa: S311 - moments of death, not secrets
    log = folder / "log"
    writers = [SegmentLog(log, "gw-1"), SegmentLog(log, "gw-2")]
    earlier: dict[str, int] = {}
    for life in range(KILLS):
        with sequence(folder, f"life-{life}") as process:
            begun = sizes(log)
            for _ in range(moments.randint(5, 40)):
                writer = moments.choice(writers)
                writer.add(moments.choice(PARTNERS), moments.randint(1, 60))
                if moments.random() < 0.1:
                    writer.rotate()
                if moments.random() < 0.1:
                    writer.open_epoch()
            until(lambda begun=begun: sizes(log) != begun)  # type: ignore[misc]  # it is at work: now it may die
            process.process.kill()
            assert process.process.wait(30) == -signal.SIGKILL
        now = sizes(log)
        assert all(now[tree] >= size for tree, size in earlier.items())
        earlier = now
    done = clausegate("sequence", folder, "--once")
    assert done.returncode == 0, done.stderr
    published = check(log)
    assert published.keys() == {"root", "hub", "partners/swift", "partners/harbor", "partners/delta"}
    assert clausegate("sequence", folder, "--once").stdout == "0 records put into trees\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_everything_done(folder: Path, number: int) -> None:
    writer = SegmentLog(folder / "log", "gw-1")
    with sequence(folder, "said") as process:
        until(lambda: bool(sizes(folder / "log")))
        writer.add("swift", 300)
        assert process.end(number) == 0
        assert process.stdout == "301 records put into trees\n"
    assert check(folder / "log").keys() == {"root", "hub", "partners/swift"}


def test_of_two_the_slower_one_ends_and_says_so(folder: Path) -> None:
    log = folder / "log"
    writer = SegmentLog(log, "gw-1")
    with sequence(folder, "one") as one, sequence(folder, "other") as other:

        def one_has_ended() -> bool:
            writer.add("swift")
            return one.process.poll() is not None or other.process.poll() is not None

        until(one_has_ended)
        lost, works = (one, other) if one.process.poll() is not None else (other, one)
        assert lost.process.wait(30) == 0
        assert lost.stdout == "another sequencer is at work on this log; it goes on, this one has ended\n"
        writer.add("harbor", 5)
        assert works.end(signal.SIGTERM) == 0
    check(log)


def test_a_log_that_was_tampered_with_ends_it_with_its_place(folder: Path) -> None:
    writer = SegmentLog(folder / "log", "gw-1")
    writer.add("swift", 5)
    assert clausegate("sequence", folder, "--once").returncode == 0
    before = sizes(folder / "log")
    content = bytearray(writer.path.read_bytes())
    writer.add("swift", 5)
    content[-20] ^= 1
    writer.path.write_bytes(bytes(content) + writer.path.read_bytes()[len(content) :])
    done = clausegate("sequence", folder, "--once")
    assert done.returncode == 1
    assert "gw-1/00000001.seg, byte" in done.stderr
    assert "the sequencer has stopped" in done.stderr
    assert sizes(folder / "log") == before


def test_settings_that_rename_the_log_are_refused(folder: Path) -> None:
    SegmentLog(folder / "log", "gw-1")
    assert clausegate("sequence", folder, "--once").returncode == 0
    (folder / "clausegate.toml").write_text(SETTINGS.replace("gateway.example", "renamed.example"))
    done = clausegate("sequence", folder, "--once")
    assert done.returncode == 2
    assert "the log is named gateway.example/log since its first checkpoint" in done.stderr.replace("\n", " ")


def test_records_of_a_served_hub_and_of_another_writer_are_in_the_trees_in_time(tmp_path: Path) -> None:
    with backend() as behind, hub(tmp_path, behind.url, ack="write", settings=SETTINGS) as made:
        other = SegmentLog(made.log, "gw-2")
        with made.serving() as gateway, sequence(made.folder, "said") as process:
            for number in range(12):
                assert asyncio.run(gateway.get(f"/v1/shipments/S-{number % 3}")).status in (200, 404)
                other.add("swift", 3)
            records = len(list(read_entries(made.log)))
            until(lambda: sum(size for tree, size in sizes(made.log).items() if not tree.endswith("root")) >= records)
            process.process.kill()
        assert clausegate("sequence", made.folder, "--once").returncode == 0
        published = check(made.log)
        swift = [leaf for entry in published["partners/swift"].entries if (leaf := decode(entry))]
        assert {leaf.at.writer for leaf in swift} >= {"gw-1", "gw-2"}
        assert all(segments_in(path) for path in writers_in(made.log))
