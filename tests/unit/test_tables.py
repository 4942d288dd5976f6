"""Tables of commands: nothing is cut off, and one without rows says so in words."""

import pytest
from rich.console import Console

from gateway.commands.tables import print_rows, table


def test_a_table_without_rows_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(table("task", "state"), "there is no task")
    assert capsys.readouterr().out == "there is no task\n"


def test_a_table_with_rows_is_shown_with_its_heads(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table("task", "state")
    rows.add_row("t-1", "open")
    print_rows(rows, "there is no task")
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["task", "state"], ["t-1", "open"]]


def test_an_id_can_be_copied_whole_from_a_narrow_terminal() -> None:
    rows = table("correction", "words")
    rows.add_row("c-5dc57db50549d910", "x" * 60)
    console = Console(width=30)
    with console.capture() as captured:
        console.print(rows)
    lines = captured.get().splitlines()[1:]
    assert "".join(line.split("x")[0].strip() for line in lines) == "c-5dc57db50549d910"
