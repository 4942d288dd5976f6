"""What commands are given as DIR: a workspace, or a folder of a demo that holds one."""

from pathlib import Path

from gateway.commands.terminal import workspace_in


def test_a_workspace_is_itself_and_a_demos_folder_stands_for_the_one_in_it(tmp_path: Path) -> None:
    (tmp_path / "workspace" / "agreements").mkdir(parents=True)
    assert workspace_in(tmp_path) == tmp_path / "workspace"
    assert workspace_in(tmp_path / "workspace") == tmp_path / "workspace"
    (tmp_path / "policies").mkdir()
    assert workspace_in(tmp_path) == tmp_path
    assert workspace_in(tmp_path / "nowhere") == tmp_path / "nowhere"
