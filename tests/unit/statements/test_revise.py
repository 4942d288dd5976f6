"""Seals hold what they seal; a revision says what it replaces and in what it differs."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.statements.document import (
    Statement,
    WriterRange,
    canonical,
    digest,
    is_sealed,
    read_statement,
    statement_id,
)
from gateway.statements.revise import Unchanged, computed_only, first, following
from tests.unit.statements.hub import OCTOBER, GivenFacts, computed, maintenance, outage, settled

BAD = {("5.1", "2026-10"): outage(3, 12)}


def test_the_same_settlement_is_sealed_the_same_to_the_last_byte() -> None:
    one, other = (first(computed(settled(GivenFacts(BAD)))) for _ in range(2))
    assert msgspec.json.encode(one) == msgspec.json.encode(other)
    assert is_sealed(one)


def test_a_statement_comes_back_from_its_json_as_it_was() -> None:
    statement = first(computed(settled(GivenFacts(BAD))))
    assert read_statement(msgspec.json.encode(statement)) == statement


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_change_of_any_byte_breaks_the_seal_or_the_form(data: st.DataObject) -> None:
    text = bytearray(msgspec.json.encode(SEALED))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0x20, 0x7E).filter(lambda byte: byte != text[at]))
    try:
        changed = read_statement(bytes(text))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    # What JSON allows to be written in two ways, such as the case of a hex digit in an escape, changes nothing.
    assert canonical(changed) == canonical(SEALED) or not is_sealed(changed)


def test_whoever_computes_the_hash_anew_has_another_one_than_the_log() -> None:
    statement = first(computed(settled(GivenFacts(BAD))))
    other = first(computed(settled(GivenFacts({}))))
    assert statement.seal.sha256 != other.seal.sha256


def test_what_is_not_issued_has_no_id() -> None:
    assert (computed_only(computed(settled(GivenFacts({})))).id, SEALED.id) == ("", "swift-2026.2026-10.r1")
    assert statement_id("a", "2026", 3) == "a.2026.r3"


def test_unchanged_figures_make_no_revision_however_far_the_log_has_grown() -> None:
    grown = computed(settled(GivenFacts(BAD)), log=(WriterRange("gw-0", 0, 9999, 3, "d" * 64),))
    assert following(grown, SEALED) == Unchanged("swift-2026.2026-10.r1")


def test_late_evidence_makes_a_revision_that_says_what_differs() -> None:
    left = {("5.1", "2026-10"): [maintenance("m-1", 3, 1, OCTOBER)]}
    revised = following(computed(settled(GivenFacts(BAD, left))), SEALED)
    assert isinstance(revised, Statement)
    assert (revised.id, revised.revision) == ("swift-2026.2026-10.r2", 2)
    assert revised.replaces is not None
    assert (revised.replaces.id, revised.replaces.sha256) == (SEALED.id, SEALED.seal.sha256)
    found = {one.what: (one.before, one.after) for one in revised.replaces.differences}
    assert found["credit"] == ("2000.00", "0.00")
    assert found["verdict"] == ("missed", "met")
    assert found["total hub CNY"] == ("2000.00", "0.00")
    assert found["exclusion m-1 1"] == ("", "2026-10-03T08:00:00+08:00 / 2026-10-03T09:00:00+08:00")
    assert all(set(one.words) == {"zh", "en"} for one in revised.replaces.differences)
    assert is_sealed(revised)


@pytest.mark.parametrize("what", ["settlement", "seal", "replaces"])
def test_the_hash_is_of_every_part(what: str) -> None:
    left = {("5.1", "2026-10"): [maintenance("m-1", 3, 1, OCTOBER)]}
    revised = following(computed(settled(GivenFacts(BAD, left))), SEALED)
    assert isinstance(revised, Statement)
    assert revised.replaces is not None
    changed = {
        "settlement": replace(revised, settlement=replace(revised.settlement, partner=replace(NAMED, id="other"))),
        "seal": replace(revised, seal=replace(revised.seal, tree=None)),
        "replaces": replace(revised, replaces=replace(revised.replaces, differences=())),
    }
    assert not is_sealed(changed[what])


SEALED = first(computed(settled(GivenFacts(BAD))))
NAMED = SEALED.settlement.partner


def test_the_hash_of_the_figures_is_that_of_the_settlement() -> None:
    assert SEALED.seal.figures_sha256 == digest(SEALED.settlement)
