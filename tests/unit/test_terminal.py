"""What commands are given as DIR: a workspace, or a folder of a demo that holds one."""

from pathlib import Path

import pytest
import typer

from gateway.commands.terminal import fail, refuse_odd, workspace_in


def test_a_workspace_is_itself_and_a_demos_folder_stands_for_the_one_in_it(tmp_path: Path) -> None:
    (tmp_path / "workspace" / "agreements").mkdir(parents=True)
    assert workspace_in(tmp_path) == tmp_path / "workspace"
    assert workspace_in(tmp_path / "workspace") == tmp_path / "workspace"
    (tmp_path / "policies").mkdir()
    assert workspace_in(tmp_path) == tmp_path
    assert workspace_in(tmp_path / "nowhere") == tmp_path / "nowhere"


def test_a_folder_that_cannot_be_looked_at_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        workspace_in(Path("x" * 5000))
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.endswith("File name too long\n")


def test_a_message_stays_one_line_and_writes_nothing_but_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        fail("a\u001b[31mb\nc\u009b[bold] 日志")
    assert capsys.readouterr().err == "error: a\\x1b[31mb\\nc\\x9b[bold] 日志\n"


def test_an_argument_that_is_no_text_is_refused_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    refuse_odd(["log", "my-hub", "日志"])
    with pytest.raises(SystemExit) as ended:
        refuse_odd(["log", "my-hub", "a\udcffb"])
    assert (ended.value.code, capsys.readouterr().err) == (2, "error: argument 3 is not UTF-8\n")
