"""Tables for the terminal: plain ones, and as wide as they are where there is no terminal to fit into."""

import sys
from typing import Final

from rich.console import Console, RenderableType
from rich.table import Column, Table

from gateway.commands.terminal import out

_WIDE: Final = 1_000
"""Columns of what is not shown but searched and cut: no cell has to be broken for it."""


def table(*heads: str) -> Table:
    """A table without a frame, in which nothing is cut off: an id has to be copied whole."""
    columns = (Column(head, overflow="fold") for head in heads)
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def print_tables(tables: RenderableType) -> None:
    """On standard output."""
    console = out() if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)
    console.print(tables)


def print_rows(rows: Table, empty: str) -> None:
    """A table on standard output; where it has no row, a sentence that says so in place of its heads alone."""
    if rows.row_count:
        print_tables(rows)
    else:
        out().print(empty, markup=False)
