"""Signed notes and verifier keys, against published ones; and everything that is none."""

from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.note import (
    COSIGNATURE,
    ED25519,
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    Note,
    Signature,
    Signer,
    VerifierKey,
    parse_note,
    parse_signature_lines,
    parse_vkey,
    verified,
)
from tests.unit.tlog.mutations import nearly

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NEUMANN_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
QUASIMODO = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501 - a published text
SEED = bytes(range(32))
LOG = Signer("log.example/one", SEED)
WITNESS = Signer("witness.example/w", bytes(32), COSIGNATURE)
TEXT = "log.example/one\n1\nAAAA\n"


def signed(text: str = TEXT) -> Note:
    return Note(text, (LOG.sign(text), WITNESS.sign(text, 1_700_000_000)))


@pytest.mark.parametrize("vkey", [NEUMANN, SUMDB, LOG.verifier.text(), WITNESS.verifier.text()])
def test_a_verifier_key_is_read_and_spelt_again(vkey: str) -> None:
    key = parse_vkey(vkey)
    assert key is not None
    assert key.text() == vkey
    assert (key.name, key.key_id.hex()) == tuple(vkey.split("+")[:2])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("c74f20a3", "C74F20A3"),
        NEUMANN.replace("c74f20a3", "0c74f20a3"),
        NEUMANN.replace("Peter", "Pieter"),
        NEUMANN.replace("+AR", "+BR"),
        NEUMANN + "\n",
        " " + NEUMANN,
        NEUMANN[:-4],
        NEUMANN + "AAAA",
        VerifierKey("k", 2, bytes(32)).text(),
        VerifierKey("k", 1, bytes(31)).text(),
        VerifierKey("k\u00a0k", 1, bytes(32)).text(),
        "\ud800+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    assert parse_vkey(vkey) is None


@given(st.text(max_size=30) | nearly(NEUMANN.encode()).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_a_verifier_key_has_one_spelling(vkey: str) -> None:
    key = parse_vkey(vkey)
    assert key is None or key.text() == vkey


def test_the_published_example_of_a_signed_note_is_good() -> None:
    note, key = parse_note(f"{NEUMANN_TEXT}\n{NEUMANN_LINE}".encode()), parse_vkey(NEUMANN)
    assert note is not None
    assert key is not None
    assert note.text == NEUMANN_TEXT
    found = verified(note, key)
    assert found is not None
    assert (found.key, found.time_s) == (key, None)
    assert verified(Note(note.text.replace("your", "my"), note.signatures), key) is None


def test_the_text_of_a_note_may_have_empty_lines() -> None:
    note = parse_note(QUASIMODO.encode())
    assert note is not None
    assert note.text == QUASIMODO.rpartition("\n\n")[0] + "\n"
    assert note.text.count("\n\n") == 1
    assert [signature.name for signature in note.signatures] == ["quasimodo.example/salvatore"]
    assert note.encode() == QUASIMODO.encode()


def test_a_signature_is_that_of_rfc_8032_over_the_text() -> None:
    signature = LOG.sign(TEXT)
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    assert signature.blob == private.sign(TEXT.encode())
    assert LOG.verifier.public == private.public_key().public_bytes_raw()
    assert b64decode(signature.line().split(" ")[2]) == LOG.verifier.key_id + signature.blob


def test_the_public_key_is_that_of_rfc_8032_section_7_1() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert Signer("k", seed).verifier.public.hex() == public


def test_a_cosignature_is_over_its_time_and_the_text() -> None:
    signature = WITNESS.sign(TEXT, 1679315147)
    assert signature.blob[:8] == (1679315147).to_bytes(8, "big")
    public = Ed25519PublicKey.from_public_bytes(WITNESS.verifier.public)
    public.verify(signature.blob[8:], b"cosignature/v1\ntime 1679315147\n" + TEXT.encode())
    with pytest.raises(InvalidSignature):
        public.verify(signature.blob[8:], TEXT.encode())


def test_a_cosignature_says_when_it_was_made_and_a_signature_does_not() -> None:
    log, witness = verified(signed(), LOG.verifier), verified(signed(), WITNESS.verifier)
    assert log is not None
    assert witness is not None
    assert (log.time_s, witness.time_s) == (None, 1_700_000_000)


def test_a_cosignature_of_another_time_is_bad() -> None:
    signature = WITNESS.sign(TEXT, 1_700_000_000)
    later = Signature(signature.name, signature.key_id, (1_700_000_001).to_bytes(8) + signature.blob[8:])
    assert verified(Note(TEXT, (later,)), WITNESS.verifier) is None


def test_a_cosignature_of_a_time_that_no_clock_shows_is_bad() -> None:
    time_s = 1 << 63
    message = f"cosignature/v1\ntime {time_s}\n{TEXT}".encode()
    blob = time_s.to_bytes(8) + Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(message)
    note = Note(TEXT, (Signature(WITNESS.verifier.name, WITNESS.verifier.key_id, blob),))
    assert verified(note, WITNESS.verifier) is None


@pytest.mark.parametrize("time_s", [0, (1 << 63) - 1])
def test_a_cosignature_may_be_of_the_first_and_of_the_last_second_that_can_be_said(time_s: int) -> None:
    found = verified(Note(TEXT, (WITNESS.sign(TEXT, time_s),)), WITNESS.verifier)
    assert found is not None
    assert found.time_s == time_s


@pytest.mark.parametrize("time_s", [None, -1, 1 << 63])
def test_no_cosignature_is_made_without_a_time(time_s: int | None) -> None:
    with pytest.raises(ValueError, match="needs its time"):
        WITNESS.sign(TEXT, time_s)


def test_a_signature_counts_for_its_name_and_id_together() -> None:
    same_name = Signer(LOG.verifier.name, bytes(32)).verifier
    same_key = Signer("log.example/two", SEED).verifier
    assert verified(signed(), same_name) is None
    assert verified(signed(), same_key) is None
    stranger = Signature(LOG.verifier.name, b"\x00\x00\x00\x00", bytes(64))
    assert verified(Note(TEXT, (stranger, LOG.sign(TEXT))), LOG.verifier) is not None


def test_one_bad_signature_of_a_known_key_is_not_made_good_by_another() -> None:
    bad = LOG.sign("another text\n")
    assert verified(Note(TEXT, (bad, LOG.sign(TEXT))), LOG.verifier) is None


@pytest.mark.parametrize("blob", [bytes(64), bytes(63), bytes(1), bytes(72), bytes(8)])
def test_a_signature_of_any_length_but_its_own_is_bad_and_no_fault(blob: bytes) -> None:
    for key in (LOG.verifier, WITNESS.verifier):
        assert verified(Note(TEXT, (Signature(key.name, key.key_id, blob),)), key) is None


def test_a_public_key_that_is_none_verifies_nothing() -> None:
    key = VerifierKey("k", ED25519, b"\xff" * 32)
    short = VerifierKey("k", ED25519, b"\xff" * 31)
    for wrong in (key, short):
        assert verified(Note(TEXT, (Signature("k", wrong.key_id, bytes(64)),)), wrong) is None


@pytest.mark.parametrize("name", ["", " ", "a b", "a+b", "a\u00a0b", "a\u2003", "a\nb", "\u2028", "a\x00"])
def test_no_key_has_a_name_that_a_signature_line_cannot_carry(name: str) -> None:
    with pytest.raises(ValueError, match="a key's name"):
        Signer(name, SEED)
    line = Signature(name, bytes(4), bytes(64)).line()
    assert parse_signature_lines(line) is None


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_no_key_is_made_of_a_seed_of_another_length(seed: bytes) -> None:
    with pytest.raises(ValueError, match="32"):
        Signer("k", seed)


def test_no_key_is_made_of_an_unknown_type() -> None:
    with pytest.raises(ValueError, match="type 2"):
        Signer("k", SEED, 2)


def test_a_signer_does_not_show_its_seed() -> None:
    assert SEED.hex() not in repr(LOG)
    assert repr(SEED) not in repr(vars(LOG))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "\n",
        "text\n",
        "text\n\n",
        NEUMANN_LINE,
        "\n" + NEUMANN_LINE,
        "text\n" + NEUMANN_LINE,
        "text\n\n" + NEUMANN_LINE[:-1],
        "text\n\n" + NEUMANN_LINE + "\n",
        "text\n\n" + NEUMANN_LINE + "more\n",
        "text\n\n" + NEUMANN_LINE.replace("\n", "\r\n"),
        "te\rxt\n\n" + NEUMANN_LINE,
        "te\txt\n\n" + NEUMANN_LINE,
        "text\n\n" + NEUMANN_LINE.replace("—", "-"),
        "text\n\n" + NEUMANN_LINE.replace("— ", "—"),
        "text\n\n" + NEUMANN_LINE.replace("x08", " x08"),
        "text\n\n" + NEUMANN_LINE.replace("AM=", "AN="),
        "text\n\n" + NEUMANN_LINE.replace("=", ""),
        "text\n\n" + NEUMANN_LINE.replace("=", "= "),
        "text\n\n— name \n",
        "text\n\n— name AAAAAA==\n",
        "text\n\n— AAAAAAA=\n",
    ],
)
def test_what_is_no_note_is_refused(data: str) -> None:
    assert parse_note(data.encode()) is None


def test_a_note_that_is_no_utf_8_is_refused() -> None:
    assert parse_note(b"te\xffxt\n\n" + NEUMANN_LINE.encode()) is None


def test_a_signature_of_an_unknown_kind_may_have_any_length() -> None:
    assert parse_signature_lines("— name AAAAAAA=\n") == (Signature("name", bytes(4), b"\x00"),)


@given(st.binary(max_size=60) | nearly(QUASIMODO.encode()) | nearly(signed().encode()))
def test_a_note_is_refused_or_is_encoded_to_the_same_bytes(data: bytes) -> None:
    note = parse_note(data)
    assert note is None or note.encode() == data


@given(st.text(max_size=60) | nearly(NEUMANN_LINE.encode()).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_signature_lines_are_refused_or_are_spelt_the_same_again(text: str) -> None:
    signatures = parse_signature_lines(text)
    assert signatures is None or "".join(signature.line() for signature in signatures) == text


@given(st.integers(0, len(signed().encode()) * 8 - 1))
def test_no_bit_of_a_note_can_be_changed_with_all_signatures_good(bit: int) -> None:
    data = bytearray(signed().encode())
    data[bit // 8] ^= 1 << (bit % 8)
    note = parse_note(bytes(data))
    good = note is not None and verified(note, LOG.verifier) and verified(note, WITNESS.verifier)
    assert not good


def test_a_note_has_a_limit_of_signatures_and_of_bytes() -> None:
    line = NEUMANN_LINE
    assert (SIGNATURES_MAX, NOTE_BYTES_MAX) == (64, 65_536)
    assert parse_note(("text\n\n" + line * SIGNATURES_MAX).encode()) is not None
    assert parse_note(("text\n\n" + line * (SIGNATURES_MAX + 1)).encode()) is None
    assert parse_signature_lines(line * (SIGNATURES_MAX + 1)) is None
    rest = "\n\n" + line
    longest = "t" * (NOTE_BYTES_MAX - len(rest.encode())) + rest
    assert parse_note(longest.encode()) is not None
    assert parse_note(("t" + longest).encode()) is None


def test_signature_lines_stand_alone_too() -> None:
    note = signed()
    lines = "".join(signature.line() for signature in note.signatures)
    assert parse_signature_lines(lines) == note.signatures
    assert parse_signature_lines("") is None
    assert parse_signature_lines(lines[:-1]) is None
    assert parse_signature_lines(lines + "\n") is None
