"""A simulated month is settled from its log to what the simulation's own books say, and no other month is."""

from typing import NamedTuple

import pytest
from msgspec import structs

from bench.quarter import Settled, differences, settled
from bench.quarter_books import expected
from bench.quarter_log import Books, write
from bench.quarter_world import World, workspace_in, world

pytestmark = pytest.mark.slow


class Simulated(NamedTuple):
    made: World
    books: Books
    done: Settled


@pytest.fixture(scope="module")
def march(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """20,000 exchanges of March, when clocks change in one of the three time zones."""
    made = world(("2026-03",), 20_000)
    workspace = workspace_in(tmp_path_factory.mktemp("quarter"), made)
    books = write(workspace.settings.log_path(workspace.folder), workspace, made)
    return Simulated(made, books, settled(workspace, made, books.documents))


def test_every_figure_verdict_and_credit_is_the_one_of_the_books(march: Simulated) -> None:
    assert differences(march.made, march.books, march.done.settlements) == []
    assert sum(len(clause.windows) for each in march.done.settlements for clause in each.clauses) == 18
    assert 18_000 < march.books.exchanges < march.done.records


def test_the_troubles_are_seen_and_money_is_owed_for_them(march: Simulated) -> None:
    owed = expected(march.made, march.books)
    missed = {clause for (_, clause, _), each in owed.items() if each.missed}
    assert missed >= {"5.1", "5.2", "5.4", "6.1", "6.2"}
    assert any(not each.missed for each in owed.values())
    excluded = {
        exclusion.notice: exclusion.counts
        for settlement in march.done.settlements
        for clause in settlement.clauses
        for window in clause.windows
        for exclusion in window.exclusions
    }
    assert excluded == {"works-0": True, "late-0": False, "flood-0": True}


def test_one_call_more_in_the_books_is_a_difference(march: Simulated) -> None:
    book = march.books.books["hafen-2026"]
    minute = march.made.local_midnight_min("Europe/Berlin", "2026-03") + 20_000
    book.total[minute] += 1
    try:
        found = differences(march.made, march.books, march.done.settlements)
    finally:
        book.total[minute] -= 1
    assert {each.split(":")[0] for each in found} >= {"hafen-2026 5.2 2026-03", "hafen-2026 5.3 2026-03"}


def test_a_clause_that_no_statement_has_is_a_difference(march: Simulated) -> None:
    first, *rest = march.done.settlements
    fewer = structs.replace(first, clauses=first.clauses[1:])
    assert differences(march.made, march.books, (fewer, *rest)) == ["hafen-2026 5.1 2026-03: not in any statement"]
