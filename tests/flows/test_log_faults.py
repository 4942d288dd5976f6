"""The log goes wrong before the gateway starts or under it: no data without a record, and a message that helps."""

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.frames import HEADER_BYTES
from gateway.audit.leaf import Authority, Opening
from gateway.audit.reader import read_as, read_entries
from gateway.audit.verify import FirstFault, verify_log
from tests.flows.backend import Backend, backend
from tests.flows.demo import clausegate
from tests.flows.hub import Gateway, Hub, hub
from tests.flows.wire import Reply

pytestmark = pytest.mark.slow

ONE = "/v1/shipments/S-1"


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        yield running


@pytest.fixture
def made(tmp_path: Path, source: Backend) -> Iterator[Hub]:
    with hub(tmp_path, source.url) as made:
        yield made


def ask(gateway: Gateway, target: str = ONE) -> Reply:
    return asyncio.run(gateway.get(target))


def refused_without_data(gateway: Gateway) -> Reply:
    """A call that cannot be recorded: 503, and nothing of the data or of a receipt."""
    reply = ask(gateway)
    assert (reply.status, reply.code, reply.receipt) == (503, "log-unavailable", None)
    assert int(reply.headers["retry-after"]) > 0
    assert b"handle with care" not in reply.raw
    return reply


def with_a_few_calls(made: Hub, calls: int = 5) -> None:
    """Serve a few calls and end in good order."""
    with made.serving() as gateway:
        for _ in range(calls):
            assert ask(gateway).status == 200
        assert gateway.process.end(15) == 0


@pytest.mark.parametrize("gone", ["the segment", "all of the log"])
def test_a_log_that_is_deleted_underneath_ends_the_service_of_data(made: Hub, gone: str) -> None:
    with made.serving() as gateway:
        assert ask(gateway).status == 200
        assert gateway.healthz() == 200
        away = {"the segment": made.segment, "all of the log": made.log}[gone]
        away.rename(made.folder / "away")
        for _ in range(3):
            refused_without_data(gateway)
        assert gateway.healthz() == 503
        assert "00000001.seg was deleted" in gateway.process.stderr
        assert ask(gateway, "/v1/nothing").status == 503  # refusals too are not answered without a record
        assert gateway.process.end(15) == 0


def test_a_segment_that_is_written_over_underneath_ends_the_service_of_data(made: Hub) -> None:
    with made.serving() as gateway:
        assert ask(gateway).status == 200
        made.segment.write_bytes(b"not a log")
        refused_without_data(gateway)
        assert gateway.healthz() == 503
        assert "00000001.seg was cut short" in gateway.process.stderr


def test_a_torn_tail_is_cut_off_and_said(made: Hub) -> None:
    with_a_few_calls(made)
    cuts = []
    for torn in (b"\x00\x00\x01", b"\x00" * 4096, None):
        data = made.segment.read_bytes()
        if torn is None:  # the last record, without its last byte
            *_, last = read_entries(made.log)
            cuts.append(len(data) - last.offset - 1)
            made.segment.write_bytes(data[:-1])
        else:
            cuts.append(len(torn))
            made.segment.write_bytes(data + torn)
        with made.serving() as gateway:
            assert f"a torn tail of {cuts[-1]} bytes was cut off" in gateway.process.stderr
            assert ask(gateway).status == 200
    openings = [located.leaf.entry for located in read_entries(made.log) if isinstance(located.leaf.entry, Opening)]
    assert [opening.truncated_bytes for opening in openings[-3:]] == cuts
    activations = [entry for entry in read_as(made.log, Authority) if entry.event == "agreement-activated"]
    assert len(activations) == 1  # in force already at every start but the first
    assert not isinstance(verify_log(made.log), FirstFault)


def test_a_flipped_byte_keeps_the_gateway_from_starting_and_verify_says_where(made: Hub) -> None:
    with_a_few_calls(made)
    entries = list(read_entries(made.log))
    hurt = entries[len(entries) // 2]
    data = bytearray(made.segment.read_bytes())
    data[hurt.offset + HEADER_BYTES + 20] ^= 1
    made.segment.write_bytes(data)
    said = made.refuses_to_start()
    assert "gw-1/00000001.seg" in said
    assert f"byte {hurt.offset}" in said
    verified = clausegate("verify", made.folder)
    assert verified.returncode == 1
    assert f"gw-1/00000001.seg at byte {hurt.offset}" in verified.stdout
    assert made.segment.read_bytes() == data  # neither repaired anything


def test_a_flipped_byte_under_a_serving_gateway_is_found_by_verify_beside_it(made: Hub) -> None:
    with made.serving() as gateway:
        assert ask(gateway).status == 200
        second = list(read_entries(made.log))[1]
        with made.segment.open("r+b") as file:
            file.seek(second.offset + HEADER_BYTES + 20)
            byte = file.read(1)[0] ^ 1
            file.seek(-1, 1)
            file.write(bytes([byte]))
        found = verify_log(made.log)
        assert isinstance(found, FirstFault)
        assert (found.file, found.offset) == ("gw-1/00000001.seg", second.offset)
        assert ask(gateway).status == 200  # nobody reads what is written: finding it is the business of verify


def test_a_workspace_is_served_by_one_process_only(made: Hub) -> None:
    with made.serving() as gateway:
        said = made.refuses_to_start()
        assert "another process writes this log" in said
        assert ask(gateway).status == 200
        assert gateway.healthz() == 200


def test_a_gateway_does_not_start_on_a_disk_that_is_full(made: Hub) -> None:
    (made.folder / "clausegate.toml").write_text("reserve_mib = 1000000000\n")
    said = made.refuses_to_start()
    assert "disk-full" in said
    assert "1048576000000000 bytes free" in said


def test_while_the_disk_takes_no_more_there_is_no_data_and_afterwards_nothing_is_missing(made: Hub) -> None:
    with made.serving() as gateway:
        receipts = [ask(gateway).receipt]
        # A limit on the size of files is a full disk for one process: the kernel takes a part of a record, then none.
        limit_file_bytes(gateway, made.segment.stat().st_size + 100)
        refused_without_data(gateway)
        refused_without_data(gateway)
        assert "bytes taken" in gateway.process.stderr  # a part of a record, which was cut off again
        assert ask(gateway, "/v1/nothing").status == 503
        limit_file_bytes(gateway, resource.RLIM_INFINITY)
        receipts.append(ask(gateway).receipt)
        assert gateway.healthz() == 200
        assert [made.exchange(receipt).status for receipt in receipts] == [200, 200]
    assert not isinstance(verify_log(made.log), FirstFault)


def limit_file_bytes(gateway: Gateway, size_bytes: int) -> None:
    """No file that the gateway's process writes may grow beyond this from now on."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.process.process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
