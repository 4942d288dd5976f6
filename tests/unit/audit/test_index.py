"""The index says what the log says: made anew, gone on with, and never half."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.faults import CorruptLogError
from gateway.audit.index import Row, refresh
from gateway.audit.leaf import Authority, Exchange
from gateway.audit.query import Question, ask, count
from gateway.audit.reader import read_entries
from gateway.audit.writer import WriterOptions
from tests.unit.audit.doubles import an_authority, an_exchange, opened

SMALL = WriterOptions(segment_bytes=4_000, flush_ms=3_600_000, reserve_bytes=0)


def write(log: Path, exchanges: list[Exchange], writer: str = "gw-1") -> None:
    made = opened(log, writer, options=SMALL)
    for exchange in exchanges:
        made.append_written(exchange)
    made.close()


def rows(file: Path, **question: object) -> list[Row]:
    return list(ask(file, Question(**question)))  # type: ignore[arg-type]


def everything(file: Path) -> set[tuple[str, int, int, str]]:
    return {(row.writer, row.epoch, row.seq, row.leaf_hash) for row in rows(file)}


def in_the_log(log: Path) -> set[tuple[str, int, int, str]]:
    return {(r.writer, r.epoch, r.seq, r.leaf_hash) for r in (located.receipt() for located in read_entries(log))}


def test_an_index_holds_every_record_of_every_writer(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "state" / "index.db"
    write(log, [an_exchange(number) for number in range(20)])
    write(log, [an_exchange(number) for number in range(5)], "gw-2")
    indexed = refresh(log, file)
    assert (indexed.records, indexed.anew) == (len(in_the_log(log)), True)
    assert everything(file) == in_the_log(log)
    assert file.stat().st_mode & 0o077 == 0


def test_indexing_goes_on_where_it_ended(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    write(log, [an_exchange(number) for number in range(20)])
    refresh(log, file)
    assert refresh(log, file).added == 0
    write(log, [an_exchange(number) for number in range(20, 40)])
    write(log, [an_exchange(0)], "gw-2")
    indexed = refresh(log, file)
    assert not indexed.anew
    assert everything(file) == in_the_log(log)


@pytest.mark.parametrize("damage", ["no index", "another file", "another log", "an index of another version"])
def test_what_cannot_be_gone_on_with_is_made_anew(tmp_path: Path, damage: str) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    write(log, [an_exchange(number) for number in range(9)])
    refresh(log, file)
    if damage == "no index":
        file.unlink()
    elif damage == "another file":
        file.write_bytes(b"not a database at all" * 100)
    elif damage == "another log":
        log.rename(tmp_path / "before")
        write(log, [an_exchange(number, partner="other") for number in range(9)])
    else:
        file.write_bytes(file.read_bytes()[:60] + (99).to_bytes(4, "big") + file.read_bytes()[64:])
    assert refresh(log, file).anew
    assert everything(file) == in_the_log(log)


def test_a_damaged_log_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    write(log, [an_exchange(number) for number in range(20)])
    refresh(log, file)
    before = everything(file)
    segment = log / "gw-1" / "00000002.seg"
    data = bytearray(segment.read_bytes())
    data[40] ^= 1
    segment.write_bytes(data)
    with pytest.raises(CorruptLogError):
        refresh(log, file, anew=True)
    assert everything(file) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_refusals_of_a_partner_under_a_clause_in_a_time_are_found(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    start = 1_700_000_000_000_000
    wanted = an_exchange(5, status=429, code="rate-limited", clause="4.1", request_id="this-one")
    others = [
        an_exchange(1, status=429, code="rate-limited", clause="4.1"),
        an_exchange(6, status=429, code="rate-limited", clause="4.2"),
        an_exchange(7, status=429, code="rate-limited", clause="4.1", partner="harbor-bank"),
        an_exchange(8),
        an_exchange(9, status=502, code="backend-invalid"),
        an_exchange(20, status=429, code="rate-limited", clause="4.1"),
    ]
    write(log, [others[0], wanted, *others[1:]])
    refresh(log, file)
    question = {
        "partner": "swift-logistics",
        "clause": "4.1",
        "refused": True,
        "from_us": start + 5,
        "until_us": start + 20,
    }
    assert [row.request_id for row in rows(file, **question)] == ["this-one"]
    assert [row.status for row in rows(file, failed=True)] == [502]
    assert len(rows(file, refused=True)) == 5


def test_an_answer_that_was_cut_short_is_found_by_its_clause_and_is_no_refusal(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    write(log, [an_exchange(1, clause="4.3"), an_exchange(2, status=429, code="quota-exceeded", clause="4.3")])
    refresh(log, file)
    assert [row.status for row in rows(file, clause="4.3")] == [200, 429]
    assert [row.status for row in rows(file, clause="4.3", refused=True)] == [429]


def test_calls_that_a_clause_let_pass_are_found_by_its_whole_number(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    entries = [
        an_exchange(0),
        an_exchange(1, observed="4.1"),
        an_exchange(2, observed="2.1 4.1 5.1"),
        an_exchange(3, uncounted="4.1"),
        an_exchange(4, observed="14.1", uncounted="4.10"),
        an_exchange(5, status=429, code="rate-limited", clause="4.1"),
        an_exchange(6, status=429, code="rate-limited", clause="4.2", observed="4.1", partner="harbor-bank"),
    ]
    write(log, entries)
    refresh(log, file)

    def found(**question: object) -> list[str]:
        return [row.request_id for row in rows(file, **question)]

    assert found(let_pass="4.1") == ["request-1", "request-2", "request-3", "request-6"]
    assert found(let_pass="4.1", partner="harbor-bank") == ["request-6"]
    assert found(let_pass="4.10") == ["request-4"]
    assert found(let_pass="4.") == found(let_pass="%") == found(let_pass="") == []
    (row,) = rows(file, request_id="request-4")
    assert (row.observed, row.uncounted) == ("14.1", "4.10")
    assert count(file, Question(let_pass="4.1")) == 4


def test_an_authority_event_says_what_commits_to_its_words(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    made = opened(log)
    made.append_written(Authority(1, "allowance-granted", "a1 swift 4.1 +100", detail="ab" * 32))
    made.close()
    refresh(log, file)
    assert [row.detail for row in rows(file, event="allowance-granted")] == ["ab" * 32]


def test_a_limit_keeps_the_latest_in_their_order(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    numbers = list(range(10))
    random.Random(4).shuffle(numbers)  # noqa: S311 - an order, not a secret
    write(log, [an_exchange(number) for number in numbers])
    refresh(log, file)
    found = list(ask(file, Question(kind="exchange"), limit=3))
    assert [row.request_id for row in found] == ["request-7", "request-8", "request-9"]
    assert count(file, Question(kind="exchange")) == 10


def test_an_authority_event_is_found_by_its_word(tmp_path: Path) -> None:
    log, file = tmp_path / "log", tmp_path / "index.db"
    made = opened(log)
    made.append_written(an_authority())
    made.close()
    refresh(log, file)
    assert [(row.event, row.subject) for row in rows(file, event="client-added")] == [("client-added", "a")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["swift", "rail"]),
            st.sampled_from(["", "4.1", "4.2"]),
            st.sampled_from([200, 403, 404, 429, 503]),
        ),
        max_size=30,
    ),
    st.tuples(st.sampled_from(["swift", "rail", None]), st.sampled_from(["4.1", "4.2", None]), st.booleans()),
    st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_the_index_answers_as_a_walk_through_the_log_would(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[str, str, int]],
    asked: tuple[str | None, str | None, bool],
    between: tuple[int, int],
) -> None:
    (partner, clause, refused), (first, end) = asked, between
    folder = tmp_path_factory.mktemp("log")
    exchanges = [
        an_exchange(number, partner=who, clause=what, status=status) for number, (who, what, status) in enumerate(calls)
    ]
    write(folder / "log", exchanges)
    refresh(folder / "log", folder / "index.db")
    start = 1_700_000_000_000_000
    found = rows(
        folder / "index.db",
        kind="exchange",
        partner=partner,
        clause=clause,
        refused=refused,
        from_us=start + first,
        until_us=start + end,
    )
    expected = [
        exchange.request_id
        for exchange in exchanges
        if (partner is None or exchange.partner == partner)
        and (clause is None or exchange.clause == clause)
        and (not refused or (exchange.clause and exchange.status >= 400) or 400 <= exchange.status < 500)
        and start + first <= exchange.time_us < start + end
    ]
    assert [row.request_id for row in found] == expected
