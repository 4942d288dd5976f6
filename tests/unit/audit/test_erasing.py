"""Erasing a person: what concerns them can be opened no more, all else can, and it is proved without naming them."""

import hashlib
import hmac
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.audit.erasing import (
    CERTIFICATE,
    Certificate,
    Concerned,
    destroy,
    disclosed_to,
    erase,
    erasure_signer,
    find,
    names_of,
)
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.sidecar import Opening, Sidecar, handle_of, openings
from gateway.audit.sidecar_file import NO_KEY, KeyFrame, RecordFrame, all_files, read_frames
from gateway.audit.verify import FirstFault, verify_log
from gateway.audit.writer import Writer
from gateway.store.hidden import Hidden
from gateway.tlog.keys import LogKeys
from gateway.tlog.note import parse_note, verified
from tests.unit.audit.commitments import opening, opens
from tests.unit.audit.doubles import a_part, an_exchange

SECRET = Hidden(bytes(range(32)))
SIGNER = erasure_signer(LogKeys("gateway.example/log", Hidden(bytes(32)), Hidden(bytes([1]) * 32)))
CERTIFIED = Certificate("gateway.example/log", "0123456789abcdef", 1_782_000_000, 1, 2)


def body(name: str) -> bytes:
    return b'{"data":[{"name":"%b"}],"next":null}' % name.encode()


def committed(sidecar: Sidecar, name: str, *people: str) -> str:
    payload = sidecar.commit(hashlib.sha256(body(name)).digest(), people or (name,))
    assert isinstance(payload, str), payload
    return payload


@pytest.fixture
def sidecar(tmp_path: Path) -> Sidecar:
    return Sidecar(tmp_path / "sidecar" / "gw-1", SECRET, flush_s=None)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    opened = Writer.open(tmp_path / "log", "admin")
    assert isinstance(opened, Writer)
    return opened


def found(tmp_path: Path, *names: str) -> Concerned:
    return find(tmp_path / "sidecar", names, SECRET)


async def erased(tmp_path: Path, writer: Writer, *names: str) -> Path | LogFault:
    return await erase(found(tmp_path, *names), CERTIFIED, SIGNER, tmp_path / "erasures", writer)


def is_open(tmp_path: Path, payload: str) -> bool:
    return opening(tmp_path / "sidecar", payload) is not None


async def test_what_concerns_the_person_is_closed_and_what_does_not_stays_open(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    hers, his, both = (
        committed(sidecar, "Li Xiaomei"),
        committed(sidecar, "Wang"),
        committed(sidecar, "x", "Li Xiaomei", "Wang"),
    )
    assert isinstance(await erased(tmp_path, writer, "Li Xiaomei"), Path)
    assert [is_open(tmp_path, payload) for payload in (hers, his, both)] == [False, True, False]


async def test_keys_in_the_files_of_all_writers_and_all_starts_are_destroyed(tmp_path: Path, writer: Writer) -> None:
    payloads = []
    for name in ("gw-1", "gw-2", "gw-1"):
        sidecar = Sidecar(tmp_path / "sidecar" / name, SECRET, flush_s=None, file_bytes_max=100)
        payloads += [committed(sidecar, "Li Xiaomei") for _ in range(3)]
        sidecar.close()
    concerned = found(tmp_path, "Li Xiaomei")
    assert (len(concerned.places), len(concerned.commitments)) == (9, 9)
    await erased(tmp_path, writer, "Li Xiaomei")
    assert not any(is_open(tmp_path, payload) for payload in payloads)


async def test_knowing_what_was_sent_no_longer_proves_it_whatever_is_left_of_the_sidecar(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    payload = committed(sidecar, "Li Xiaomei")
    before = opening(tmp_path / "sidecar", payload)
    assert before is not None
    assert opens(before, body("Li Xiaomei"))
    sidecar.close()
    await erased(tmp_path, writer, "Li Xiaomei")
    left = [
        all_files(tmp_path / "sidecar")[0].read_bytes(),
        SECRET.reveal(),
        b"Li Xiaomei",
        handle_of("Li Xiaomei", SECRET),
        NO_KEY,
    ]
    (record,) = [frame for frame in read_frames(left[0]) if isinstance(frame, RecordFrame)]
    windows = {left[0][at : at + 16] for at in range(len(left[0]))} | set(left[1:]) | {b""}
    for salt, key in product({record.salt, b""}, windows):
        k = hashlib.sha256(salt + key).digest()
        assert not opens(Opening(bytes.fromhex(payload), k), body("Li Xiaomei"))
        assert hmac.digest(key, body("Li Xiaomei"), "sha256").hex() != payload


async def test_neither_key_nor_handle_nor_checksum_is_left_in_the_file(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    committed(sidecar, "Li Xiaomei")
    (key,) = [frame for frame in frames(tmp_path) if isinstance(frame, KeyFrame)]
    await erased(tmp_path, writer, "Li Xiaomei")
    data = all_files(tmp_path / "sidecar")[0].read_bytes()
    assert key.key not in data
    assert key.handle not in data
    assert data[5:41] == bytes(36)
    assert found(tmp_path, "Li Xiaomei") == Concerned((), frozenset())


async def test_the_log_tells_of_it_without_naming_anybody_and_verifies_as_before(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    committed(sidecar, "Li Xiaomei")
    certificate = await erased(tmp_path, writer, "Li Xiaomei")
    assert isinstance(certificate, Path)
    writer.close()
    begun, done = read_as(tmp_path / "log", Authority)
    assert (begun.event, begun.subject, begun.contract) == ("erasure-begun", CERTIFIED.id, "")
    assert (done.event, done.subject) == ("subject-erased", CERTIFIED.id)
    assert done.contract == hashlib.sha256(certificate.read_bytes()).hexdigest()
    assert not isinstance(verify_log(tmp_path / "log"), FirstFault)
    for file in (p for folder in ("log", "erasures") for p in (tmp_path / folder).rglob("*") if p.is_file()):
        assert b"Li Xiaomei" not in file.read_bytes()
        assert handle_of("Li Xiaomei", SECRET).hex().encode() not in file.read_bytes()


async def test_the_certificate_is_a_signed_note_of_counts(tmp_path: Path, sidecar: Sidecar, writer: Writer) -> None:
    committed(sidecar, "Li Xiaomei")
    certificate = await erased(tmp_path, writer, "Li Xiaomei")
    assert isinstance(certificate, Path)
    note = parse_note(certificate.read_bytes())
    assert note is not None
    assert note.text == f"{CERTIFICATE}\ngateway.example/log\n0123456789abcdef\n1782000000\n1\n2\n"
    assert verified(note, SIGNER.verifier) is not None
    assert (tmp_path / "erasures" / "vkey").read_text() == f"{SIGNER.verifier.text()}\n"
    assert certificate.stat().st_mode & 0o077 == 0


async def test_a_gateway_goes_on_meanwhile_and_meets_the_person_anew_once_it_forgot_them(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    committed(sidecar, "Li Xiaomei")
    await erased(tmp_path, writer, "Li Xiaomei")
    at_once = committed(sidecar, "Li Xiaomei")
    assert not is_open(tmp_path, at_once)  # under the destroyed key, which this gateway still remembers
    sidecar.tick()
    later = committed(sidecar, "Li Xiaomei")
    assert is_open(tmp_path, later)
    assert len(found(tmp_path, "Li Xiaomei").places) == 1


async def test_an_erasure_that_was_cut_short_after_the_keys_is_found_and_finished(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    payload = committed(sidecar, "Li Xiaomei")
    destroy(found(tmp_path, "Li Xiaomei").places, "keys")
    assert not is_open(tmp_path, payload)
    again = found(tmp_path, "Li Xiaomei")
    assert (len(again.places), set(again.commitments)) == (1, {bytes.fromhex(payload)})
    assert isinstance(await erased(tmp_path, writer, "Li Xiaomei"), Path)
    assert found(tmp_path, "Li Xiaomei").places == ()


async def test_what_cannot_be_put_on_the_log_is_not_begun(tmp_path: Path, sidecar: Sidecar, writer: Writer) -> None:
    payload = committed(sidecar, "Li Xiaomei")
    writer.close()
    assert isinstance(await erased(tmp_path, writer, "Li Xiaomei"), LogFault)
    assert is_open(tmp_path, payload)


async def test_the_key_of_a_person_is_found_behind_damage(tmp_path: Path, sidecar: Sidecar, writer: Writer) -> None:
    committed(sidecar, "Wang")
    committed(sidecar, "Li Xiaomei")
    (file,) = all_files(tmp_path / "sidecar")
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    assert len(found(tmp_path, "Li Xiaomei").places) == 1
    await erased(tmp_path, writer, "Li Xiaomei")
    assert found(tmp_path, "Li Xiaomei").places == ()


async def test_of_a_key_that_was_half_written_what_is_there_is_overwritten_and_no_more(
    tmp_path: Path, sidecar: Sidecar
) -> None:
    committed(sidecar, "Li Xiaomei")
    (file,) = all_files(tmp_path / "sidecar")
    file.write_bytes(file.read_bytes()[:30])
    concerned = found(tmp_path, "Li Xiaomei")
    destroy(concerned.places, "keys")
    destroy(concerned.places, "handles")
    assert file.read_bytes()[5:] == bytes(25)


async def test_partners_are_counted_by_the_records_that_the_log_holds_of_them(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    hers, his = committed(sidecar, "Li Xiaomei"), committed(sidecar, "Wang")
    piece = committed(sidecar, "Li Xiaomei")
    await writer.append_durable(an_exchange(partner="swift", payload=hers))
    await writer.append_durable(an_exchange(partner="rail", payload=his))
    await writer.append_durable(replace(a_part(), partner="rail", payload=piece))
    assert disclosed_to(tmp_path / "log", found(tmp_path, "Li Xiaomei").commitments) == {"rail": 1, "swift": 1}
    assert disclosed_to(tmp_path / "log", frozenset()) == {}


def test_a_text_names_itself_and_the_values_of_several_fields_when_it_is_their_array() -> None:
    assert names_of("cust-1") == ("cust-1",)
    assert names_of("7") == ("7",)
    assert names_of('["a", 7.0, null]') == ('["a", 7.0, null]', '["a","7",null]')
    assert names_of('["a","b"]') == ('["a","b"]',)
    assert names_of('[["a"]]') == ('[["a"]]',)
    assert names_of("[" * 100_000) == ("[" * 100_000,)


async def test_a_person_who_is_named_by_several_fields_is_erased_by_all_of_them_alone(
    tmp_path: Path, sidecar: Sidecar, writer: Writer
) -> None:
    payload = sidecar.commit(bytes(32), [("Li Xiaomei", 7), ("Li Xiaomei", 8)])
    only = sidecar.commit(bytes(32), [("Li Xiaomei", 8)])
    assert isinstance(payload, str)
    assert isinstance(only, str)
    assert found(tmp_path, "Li Xiaomei").places == ()
    await erased(tmp_path, writer, *names_of('["Li Xiaomei", 7]'))
    assert (is_open(tmp_path, payload), is_open(tmp_path, only)) == (False, True)


@given(st.lists(st.sets(st.sampled_from("abcdef"), max_size=4), min_size=1, max_size=12), st.sampled_from("abcdef"))
def test_exactly_the_records_about_the_person_are_closed(
    tmp_path_factory: pytest.TempPathFactory, answers: list[set[str]], person: str
) -> None:
    folder = tmp_path_factory.mktemp("erasing")
    sidecar = Sidecar(folder / "sidecar" / "gw-1", SECRET, flush_s=None, file_bytes_max=300)
    payloads = [sidecar.commit(hashlib.sha256(body("x")).digest(), people) for people in answers]
    concerned = found(folder, person)
    destroy(concerned.places, "keys")
    opened = {one.commitment.hex() for one in openings(folder / "sidecar", {bytes.fromhex(str(p)) for p in payloads})}
    expected = {payload for payload, people in zip(payloads, answers, strict=True) if person not in people}
    assert opened == expected
    assert {commitment.hex() for commitment in concerned.commitments} == set(payloads) - expected


def frames(tmp_path: Path) -> list[KeyFrame | RecordFrame]:
    return [frame for file in all_files(tmp_path / "sidecar") for frame in read_frames(file.read_bytes())]
