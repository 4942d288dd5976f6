"""A month with very many spans, as somebody may write them, is settled in no time."""

from datetime import UTC, datetime, timedelta

from policies.settling.counting import Counted, Rules, counted
from policies.settling.facts import Excluded, Facts, Span

BEGINS = datetime(2026, 10, 1, tzinfo=UTC)
RULES = Rules(
    slice=timedelta(minutes=1),
    empty="good",
    missing="bad",
    excluded="ignore",
    requests_min=1,
    causes=frozenset({"force_majeure"}),
)


def test_as_many_spans_as_a_month_has_minutes_are_no_burden() -> None:
    """Looked for one in the other, they would take minutes."""
    minutes = [BEGINS + timedelta(minutes=number) for number in range(44_640)]
    found = counted(
        Facts(
            from_=BEGINS,
            to=datetime(2026, 11, 1, tzinfo=UTC),
            slices=(),
            missing=tuple(Span(at, at + timedelta(seconds=40)) for at in minutes),
            excluded=tuple(Excluded(at, at + timedelta(seconds=30), "force_majeure") for at in minutes[::2]),
        ),
        RULES,
    )
    assert isinstance(found, Counted)
    assert found.number("missing") == 44_640
