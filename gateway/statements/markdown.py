"""A statement as Markdown (CommonMark with tables): for mail, tickets and repositories."""

import re
from collections.abc import Iterable, Iterator

from gateway.statements.page import ClausePart, MonthPart, Page, Row, Table

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def to_markdown(page: Page) -> str:
    """The whole page as text that ends with a line end."""
    return "\n".join(_lines(page)).rstrip() + "\n"


def _lines(page: Page) -> Iterator[str]:
    labels = page.labels
    yield f"# {_text(page.title)}\n"
    yield f"**{_text(page.subtitle)}**\n"
    if page.banner:
        yield f"> **{_text(page.banner)}**\n"
    yield f"## {labels['parties']}\n"
    yield from _rows(page.parties)
    if page.differences is not None:
        yield f"## {labels['revision']}\n"
        yield f"{_text(page.replaces)}\n"
        yield from _table(page.differences)
    yield f"## {labels['summary']}\n"
    yield from _table(page.totals)
    yield f"**{labels['net']}**: {_text(page.net)}\n"
    yield from _table(page.overview)
    for clause in page.clauses:
        yield from _clause(clause, labels)
    if page.answer:
        yield f"## {labels['answer']}\n"
        yield from _rows(page.answer)
        yield from _table(page.reasons)
    yield f"## {labels['seal']}\n"
    yield from _rows(page.seal)
    yield from (f"{_text(note)}\n" for note in page.notes)


def _clause(clause: ClausePart, labels: dict[str, str]) -> Iterator[str]:
    yield f"## {_text(clause.title)}\n"
    yield f"{_text(clause.owed_by)}\n"
    yield f"> {_text(clause.text)}\n"
    for month in clause.months:
        yield from _month(month, labels)


def _month(month: MonthPart, labels: dict[str, str]) -> Iterator[str]:
    yield f"### {_text(month.title)}: {_text(month.verdict)}\n"
    if month.fault:
        yield f"**{_text(month.fault)}**\n"
    yield from _rows(month.rows)
    yield f"{labels['how']}: {_text(month.steps)}\n"
    for heading, rows in (("figures", month.figures), ("causes", month.causes)):
        if rows:
            yield f"{labels[heading]}:\n"
            yield from _rows(rows)
    if month.exclusions is not None:
        yield f"{labels['exclusions']}:\n"
        yield from _table(month.exclusions)


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        text = f"`{row.text}`" if row.code else _text(row.text)
        yield f"- {_text(row.label)}: {text}"
    yield ""


def _table(table: Table | None) -> Iterator[str]:
    if table is None:
        return
    yield f"| {' | '.join(_text(head) for head in table.heads)} |"
    yield f"|{'|'.join('---:' if index in table.numbers else '---' for index in range(len(table.heads)))}|"
    yield from (f"| {' | '.join(_text(cell) for cell in row)} |" for row in table.rows)
    yield ""


def _text(text: str) -> str:
    """On one line, with nothing that Markdown or HTML would take for its own."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("&", "&amp;")
