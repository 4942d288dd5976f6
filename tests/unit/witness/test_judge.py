"""What a witness says, by what it has cosigned last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from gateway.tlog.checkpoint import Checkpoint
from gateway.witness.judge import Verdict, judge, never_cosigned, prefix_root
from gateway.witness.protocol import Submission, parse_submission
from tests.unit.witness.growing import ORIGIN, GrowingLog, proof_of

HONEST = GrowingLog()
FORKED = GrowingLog(forked_at=3)
NO_HASH = bytes(32)


def asked(body: bytes) -> Submission:
    found = parse_submission(body)
    assert found is not None
    return found


def seen(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, HONEST.root(size)) if size else never_cosigned(ORIGIN)


class Case(Struct, frozen=True):
    latest: int
    body: bytes
    expected: Verdict


@pytest.mark.parametrize(
    "case",
    [
        Case(0, HONEST.body(0, 7), Verdict(200, "cosigned")),
        Case(0, HONEST.body(0, 0), Verdict(200, "cosigned")),
        Case(5, HONEST.body(5, 7), Verdict(200, "cosigned")),
        Case(4, HONEST.body(4, 7), Verdict(200, "cosigned")),
        Case(7, HONEST.body(7, 7), Verdict(200, "cosigned")),
        Case(5, HONEST.body(8, 7), Verdict(400, "backwards")),
        Case(7, HONEST.body(7, 5), Verdict(400, "backwards")),
        Case(5, HONEST.body(0, 7), Verdict(409, "other-size")),
        Case(5, HONEST.body(3, 4), Verdict(409, "other-size")),
        Case(5, HONEST.body(6, 7), Verdict(409, "other-size")),
        Case(0, HONEST.body(4, 7), Verdict(409, "other-size")),
        Case(0, HONEST.body(0, 7, proof=[NO_HASH]), Verdict(422, "inconsistent")),
        Case(5, HONEST.body(5, 7, proof=[]), Verdict(422, "inconsistent")),
        Case(5, HONEST.body(5, 7, proof=[NO_HASH] * 4), Verdict(422, "inconsistent")),
        Case(7, HONEST.body(7, 7, proof=[NO_HASH]), Verdict(422, "inconsistent")),
        Case(5, HONEST.body(5, 7, proof=[*HONEST.proof(5, 7), NO_HASH]), Verdict(422, "inconsistent")),
        Case(7, FORKED.body(7, 7), Verdict(409, "fork")),
        Case(7, FORKED.body(0, 7), Verdict(409, "fork")),
        Case(7, FORKED.body(9, 7), Verdict(400, "fork")),
        Case(0, HONEST.body(0, 0, note=HONEST.checkpoint(0, NO_HASH)), Verdict(409, "fork")),
        Case(5, FORKED.body(5, 7), Verdict(422, "fork")),
        Case(4, FORKED.body(4, 7), Verdict(422, "inconsistent")),  # the proof leaves out what would tell
    ],
)
def test_each_case_has_its_verdict(case: Case) -> None:
    assert judge(asked(case.body), seen(case.latest)) == case.expected


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
def test_only_what_continues_the_tree_is_cosigned(old: int, more: int, forked_at: int) -> None:
    log = GrowingLog(forked_at=forked_at)
    verdict = judge(asked(log.body(old, old + more)), seen(old))
    assert (verdict.status == 200) == (log.leaves(old) == HONEST.leaves(old))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 39))
def test_a_good_proof_of_another_tree_proves_the_fork(old: int, more: int, forked_at: int) -> None:
    log = GrowingLog(forked_at=forked_at % old)
    verdict = judge(asked(log.body(old, old + more)), seen(old))
    is_power = old & (old - 1) == 0
    assert verdict == Verdict(422, "inconsistent" if is_power else "fork")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 39))
def test_whoever_has_read_the_tiles_can_prove_any_fork(old: int, more: int, forked_at: int) -> None:
    log = GrowingLog(forked_at=forked_at % old)
    plain = asked(log.body(old, old + more))
    read = Submission(plain.old_size, plain.proof, plain.signed, log.root(old))
    assert judge(read, seen(old)) == Verdict(422, "fork")


def test_a_root_that_no_proof_leads_to_proves_nothing() -> None:
    plain = asked(FORKED.body(4, 7))
    assert judge(Submission(4, plain.proof, plain.signed, NO_HASH), seen(4)) == Verdict(422, "inconsistent")


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_proof_tells_the_root_of_the_old_tree_unless_that_is_a_power_of_two(old: int, more: int) -> None:
    expected = None if old & (old - 1) == 0 else HONEST.root(old)
    assert prefix_root(asked(HONEST.body(old, old + more))) == expected


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_changed_proof_tells_no_root(old: int, more: int, data: st.DataObject) -> None:
    proof = proof_of(old, HONEST.leaves(old + more))
    proof[data.draw(st.integers(0, len(proof) - 1))] = NO_HASH
    assert prefix_root(asked(HONEST.body(old, old + more, proof=proof))) is None
