"""Offline proofs: made, read, held against a leaf; and everything that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.checkpoint import Checkpoint, sign_checkpoint
from gateway.tlog.merkle import frontier_at, inclusion_proof, leaf_hash, leaf_hashes_of, nodes_of
from gateway.tlog.note import Note, Signer
from gateway.tlog.proof import PATH_MAX, PROOF_BYTES_MAX, Proof, format_proof, parse_proof
from tests.unit.tlog.mutations import nearly

LOG = Signer("log.example/one", bytes(range(32)))
LEAVES = leaf_hashes_of(b"%d" % number for number in range(11))
NODE = nodes_of(LEAVES)
NOTE = sign_checkpoint(Checkpoint("log.example/one", 11, frontier_at(11, NODE).root()), LOG)
EXAMPLE = """c2sp.org/tlog-proof@v1
extra Y29udGV4dA==
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501 - a published text


def proof_of(index: int, extra: bytes = b"") -> str:
    return format_proof(index, inclusion_proof(index, 11, NODE), NOTE, extra)


def again(proof: Proof) -> bytes:
    return format_proof(proof.index, list(proof.path), proof.checkpoint.note, proof.extra).encode()


def test_the_form_of_the_specification_is_read() -> None:
    proof = parse_proof(EXAMPLE.encode())
    assert proof is not None
    assert (proof.index, len(proof.path), proof.extra) == (73894, 5, b"context")
    assert proof.path[0].hex().startswith("8122b25e")
    assert proof.checkpoint.checkpoint.size == 20852163
    assert again(proof) == EXAMPLE.encode()


@pytest.mark.parametrize("index", range(11))
@pytest.mark.parametrize("extra", [b"", b"\x00", b"receipt"])
def test_a_proof_that_was_made_proves_its_leaf_and_no_other(index: int, extra: bytes) -> None:
    proof = parse_proof(proof_of(index, extra).encode())
    assert proof is not None
    assert (proof.index, proof.extra, proof.checkpoint.note) == (index, extra, NOTE)
    assert [proof.proves(leaf) for leaf in LEAVES] == [place == index for place in range(11)]
    assert not proof.proves(leaf_hash(b"other"))


def test_a_proof_of_the_only_leaf_has_no_path() -> None:
    note = sign_checkpoint(Checkpoint("log.example/one", 1, LEAVES[0]), LOG)
    proof = parse_proof(format_proof(0, [], note).encode())
    assert proof is not None
    assert proof.path == ()
    assert proof.proves(LEAVES[0])


def test_a_proof_from_behind_the_end_of_the_tree_proves_nothing() -> None:
    proof = parse_proof(proof_of(10).replace("index 10", "index 11").encode())
    assert proof is not None
    assert not any(proof.proves(leaf) for leaf in LEAVES)


def test_the_checkpoint_stands_in_a_proof_as_it_was_signed() -> None:
    text = NOTE.text + "extension\n"
    note = Note(text, (LOG.sign(text),))
    made = format_proof(3, inclusion_proof(3, 11, NODE), note)
    assert made.endswith("\n\n" + note.encode().decode())
    proof = parse_proof(made.encode())
    assert proof is not None
    assert proof.checkpoint.note == note


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("proof@v1", "proof@v2"),
        ("c2sp.org/tlog-proof@v1\n", ""),
        ("c2sp", "\nc2sp"),
        ("extra Y29udGV4dA==", "extra "),
        ("extra Y29udGV4dA==", "extra Y29udGV4dB=="),
        ("extra Y29udGV4dA==", "other Y29udGV4dA=="),
        ("extra Y29udGV4dA==", "extra Y29udGV4dA==\nextra Y29udGV4dA=="),
        ("index 73894\n", ""),
        ("index 73894", "index 073894"),
        ("index 73894", "73894"),
        ("index 73894", "index -1"),
        ("index 73894", "index  73894"),
        ("index 73894", "index 73894\nindex 73894"),
        ("index 73894", "index 9223372036854775808"),
        ("PlQ=\n", "PlR=\n"),
        ("PlQ=\n", "PlQ= \n"),
        ("gSKyXoYZ", ""),
        ("5vk=\n\nexample", "5vk=\nexample"),
        ("5vk=\n\nexample", "5vk=\n\n\nexample"),
        ("20852163", "020852163"),
        ("YQ8=\n", "YQ8="),
        ("\n", "\r\n"),
    ],
)
def test_what_is_no_proof_is_refused(found: str, instead: str) -> None:
    assert found in EXAMPLE
    assert parse_proof(EXAMPLE.replace(found, instead).encode()) is None


@pytest.mark.parametrize("lines", ["", "extra Y29udGV4dA==\n"])
def test_a_proof_without_an_index_is_refused(lines: str) -> None:
    note = EXAMPLE.partition("\n\n")[2]
    assert parse_proof(f"c2sp.org/tlog-proof@v1\n{lines}index 0\n\n{note}".encode()) is not None
    assert parse_proof(f"c2sp.org/tlog-proof@v1\n{lines}\n{note}".encode()) is None


@given(st.binary(max_size=60) | nearly(EXAMPLE.encode()) | nearly(proof_of(4).encode()))
def test_a_proof_is_refused_or_is_formatted_to_the_same_bytes(data: bytes) -> None:
    proof = parse_proof(data)
    assert proof is None or again(proof) == data


def test_a_proof_has_a_limit_of_hashes_and_of_bytes() -> None:
    assert parse_proof(format_proof(0, [bytes(32)] * PATH_MAX, NOTE).encode()) is not None
    assert parse_proof(format_proof(0, [bytes(32)] * (PATH_MAX + 1), NOTE).encode()) is None
    rest = len(format_proof(0, [], NOTE).encode()) + len("extra \n")
    digits = (PROOF_BYTES_MAX - rest) % 4 + 1  # Base64 grows by four characters at a time: the index fills the gap.
    extra = bytes((PROOF_BYTES_MAX - rest) // 4 * 3)
    longest = format_proof(10 ** (digits - 1), [], NOTE, extra).encode()
    assert len(longest) == PROOF_BYTES_MAX
    assert parse_proof(longest) is not None
    assert parse_proof(longest.replace(b"index 1", b"index 10")) is None
