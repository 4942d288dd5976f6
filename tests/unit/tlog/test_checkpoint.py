"""Checkpoints, against the example of tlog-cosignature; and everything that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.checkpoint import (
    Checkpoint,
    cosignatures,
    cosigned,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from gateway.tlog.merkle import EMPTY_ROOT
from gateway.tlog.note import COSIGNATURE, Note, Signature, Signer, parse_note
from tests.unit.tlog.mutations import nearly

BEHIND_THE_SOFA = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 - a published text
LOG = Signer("log.example/one", bytes(range(32)))
WITNESSES = [Signer(f"witness.example/{number}", bytes([number]) * 32, COSIGNATURE) for number in range(3)]
HEAD = Checkpoint("log.example/one", 1234, bytes(range(32)))
LINE = LOG.sign("x\n").line()


def test_the_published_checkpoint_is_read() -> None:
    found = parse_checkpoint(BEHIND_THE_SOFA.encode())
    assert found is not None
    root = "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert found.checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, bytes.fromhex(root))
    assert found.note.encode() == BEHIND_THE_SOFA.encode()
    cosignature = found.note.signatures[1]
    assert int.from_bytes(cosignature.blob[:8]) == 1679315147
    assert [len(signature.blob) for signature in found.note.signatures] == [64, 72]


def test_a_checkpoint_is_three_lines() -> None:
    assert Checkpoint("log.example/one", 0, EMPTY_ROOT).text() == (
        "log.example/one\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    )


def test_a_signed_checkpoint_opens_with_its_key_alone() -> None:
    note = sign_checkpoint(HEAD, LOG)
    found = open_checkpoint(note.encode(), LOG.verifier)
    assert found is not None
    assert (found.checkpoint, found.note) == (HEAD, note)
    assert open_checkpoint(note.encode(), Signer("log.example/one", bytes(32)).verifier) is None
    assert open_checkpoint(note.encode(), Signer("log.example/two", bytes(range(32))).verifier) is None


def test_a_checkpoint_of_another_origin_does_not_open_though_it_is_well_signed() -> None:
    other = sign_checkpoint(Checkpoint("log.example/two", 1234, bytes(32)), LOG)
    assert parse_checkpoint(other.encode()) is not None
    assert open_checkpoint(other.encode(), LOG.verifier) is None


@pytest.mark.parametrize("change", [("1234", "1235"), ("log.example/one\n", "log.example/two\n"), ("AAEC", "AAED")])
def test_a_changed_checkpoint_does_not_open(change: tuple[str, str]) -> None:
    text = sign_checkpoint(HEAD, LOG).encode().decode()
    assert change[0] in text
    assert open_checkpoint(text.replace(*change, 1).encode(), LOG.verifier) is None


def test_extension_lines_are_signed_and_kept() -> None:
    text = HEAD.text() + "extension one\nextension two\n"
    note = Note(text, (LOG.sign(text),))
    found = open_checkpoint(note.encode(), LOG.verifier)
    assert found is not None
    assert (found.checkpoint, found.note.text) == (HEAD, text)
    shorter = Note(HEAD.text(), note.signatures)
    assert open_checkpoint(shorter.encode(), LOG.verifier) is None


@pytest.mark.parametrize(
    "text",
    [
        "log.example/one\n1234\n",
        "log.example/one\n",
        "\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log.example/one\n01234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log.example/one\n-1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log.example/one\n1234 \nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log.example/one\n9223372036854775808\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "log.example/one\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
        "log.example/one\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",
        "log.example/one\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
        "log.example/one\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\none\n\ntwo\n",
        "log.example/one\n\n1234\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
    ],
)
def test_a_note_that_is_no_checkpoint_is_refused(text: str) -> None:
    data = Note(text, (LOG.sign(text),)).encode()
    assert parse_note(data) is not None
    assert parse_checkpoint(data) is None
    assert open_checkpoint(data, LOG.verifier) is None


@given(st.binary(max_size=60) | nearly(BEHIND_THE_SOFA.encode()))
def test_a_checkpoint_is_refused_or_says_the_same_again(data: bytes) -> None:
    found = parse_checkpoint(data)
    assert found is None or found.note.encode() == data
    assert found is None or found.note.text.startswith(found.checkpoint.text())


def test_cosignatures_stand_behind_the_logs_signature() -> None:
    note = sign_checkpoint(HEAD, LOG)
    more = cosigned(note, [witness.sign(note.text, 100 + place) for place, witness in enumerate(WITNESSES[:2])])
    assert more.signatures[:1] == note.signatures
    assert open_checkpoint(more.encode(), LOG.verifier) is not None
    found = cosignatures(more, [witness.verifier for witness in WITNESSES])
    assert [(signed.key.name, signed.time_s) for signed in found] == [
        ("witness.example/0", 100),
        ("witness.example/1", 101),
    ]


def test_a_later_cosignature_of_one_witness_replaces_its_earlier_one() -> None:
    note = sign_checkpoint(HEAD, LOG)
    first = cosigned(note, [WITNESSES[0].sign(note.text, 100), WITNESSES[1].sign(note.text, 101)])
    second = cosigned(first, [WITNESSES[0].sign(note.text, 200)])
    assert len(second.signatures) == 3
    assert [signed.time_s for signed in cosignatures(second, [WITNESSES[0].verifier])] == [200]


def test_keys_of_one_name_cosign_beside_each_other() -> None:
    note = sign_checkpoint(HEAD, LOG)
    again = Signer(WITNESSES[0].verifier.name, b"\x09" * 32, COSIGNATURE)
    both = cosigned(note, [WITNESSES[0].sign(note.text, 100), again.sign(note.text, 101)])
    assert len(cosignatures(both, [WITNESSES[0].verifier, again.verifier])) == 2


def test_a_bad_cosignature_and_the_logs_own_signature_count_for_no_witness() -> None:
    note = sign_checkpoint(HEAD, LOG)
    key = WITNESSES[0].verifier
    bad = cosigned(note, [Signature(key.name, key.key_id, bytes(72))])
    assert cosignatures(bad, [key, LOG.verifier]) == []
