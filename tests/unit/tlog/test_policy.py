"""Witness policies: what the table of cases says, and which cosignatures count."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.checkpoint import Checkpoint, cosigned, sign_checkpoint
from gateway.tlog.note import COSIGNATURE, ED25519, Signature, Signer
from gateway.tlog.policy import NO_WITNESSES, Policy, PolicyFault, parse_policy
from tests.unit.tlog.mutations import nearly

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "tlog-policy.yaml").read_text("utf-8"))
KINDS = {"log": ED25519, "witness": COSIGNATURE}
TWO = """
witness A <witness A>
witness B <witness B> https://b.example/submit
group both all A B
log <log L> https://l.example
quorum both
"""


def signer(kind: str, who: str, name: str | None = None) -> Signer:
    return Signer(name or f"{who}.example", sha256(who.encode()).digest(), KINDS[kind])


def written(text: str) -> str:
    """The policy with keys instead of what stands for them."""
    return re.sub(r"<(log|witness) (\w+)(?: as (\w+))?>", lambda found: signer(*found.groups()).verifier.text(), text)


def read(text: str) -> Policy:
    policy = parse_policy(written(text))
    assert isinstance(policy, Policy), policy
    return policy


@pytest.mark.parametrize("case", CASES["policies"], ids=lambda case: case["name"])
def test_a_policy_is_met_by_its_quorum_alone(case: dict[str, Any]) -> None:
    policy = read(case["policy"])
    assert [names for names in case["met"] if not policy.is_met(set(names))] == []
    assert [names for names in case.get("not met", ()) if policy.is_met(set(names))] == []


@pytest.mark.parametrize("case", CASES["faults"], ids=lambda case: case["name"])
def test_what_is_no_policy_is_said_with_its_line(case: dict[str, Any]) -> None:
    fault = parse_policy(written(case["policy"]))
    assert isinstance(fault, PolicyFault)
    assert (fault.line, case["says"] in fault.message) == (case["line"], True), fault


def test_a_policy_holds_what_its_lines_say() -> None:
    policy = read(TWO)
    assert [(log.key, log.url) for log in policy.logs] == [(signer("log", "L").verifier, "https://l.example")]
    assert [(witness.name, witness.key, witness.url) for witness in policy.witnesses] == [
        ("A", signer("witness", "A").verifier, ""),
        ("B", signer("witness", "B").verifier, "https://b.example/submit"),
    ]
    assert [(group.name, group.threshold, group.members) for group in policy.groups] == [("both", 2, ("A", "B"))]
    assert policy.quorum == "both"


def test_good_cosignatures_count_under_the_names_of_the_policy() -> None:
    policy = read(TWO)
    note = sign_checkpoint(Checkpoint("L.example", 3, bytes(32)), signer("log", "L"))
    a, b, stranger = (signer("witness", who) for who in ("A", "B", "C"))
    assert policy.witnessed(note) == {}
    one = cosigned(note, [a.sign(note.text, 100), stranger.sign(note.text, 100)])
    assert policy.witnessed(one) == {"A": 100}
    assert not policy.is_met(policy.witnessed(one).keys())
    both = cosigned(one, [b.sign(note.text, 0)])
    assert policy.witnessed(both) == {"A": 100, "B": 0}
    assert policy.is_met(policy.witnessed(both).keys())


def test_a_cosignature_of_another_checkpoint_does_not_count() -> None:
    policy = read(TWO)
    note = sign_checkpoint(Checkpoint("L.example", 3, bytes(32)), signer("log", "L"))
    a = signer("witness", "A")
    other = a.sign(Checkpoint("L.example", 4, bytes(32)).text(), 100)
    key = signer("witness", "B").verifier
    forged = Signature(key.name, key.key_id, a.sign(note.text, 100).blob)
    assert policy.witnessed(cosigned(note, [other, forged])) == {}


def test_without_witnesses_every_checkpoint_is_good_and_a_policy_of_nothing_is_never_met() -> None:
    assert NO_WITNESSES.is_met(set())
    assert parse_policy("quorum none\n") == NO_WITNESSES
    assert not Policy((), (), (), "").is_met({""})


def test_no_key_or_address_is_repeated_in_a_message() -> None:
    fault = parse_policy("log abc https://user:password@log.example\nquorum none\n")
    assert isinstance(fault, PolicyFault)
    assert "password" not in fault.message


@given(st.text(max_size=60) | nearly(written(TWO).encode()).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_any_text_is_a_policy_or_a_fault_in_one_of_its_lines(text: str) -> None:
    policy = parse_policy(text)
    if isinstance(policy, PolicyFault):
        assert 1 <= policy.line <= text.count("\n") + 1
    else:
        names = {witness.name for witness in policy.witnesses}
        assert policy.is_met(names)
        assert policy.quorum == "none" or not policy.is_met(set())
