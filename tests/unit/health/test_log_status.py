"""How the trees of the audit log stand: what status says of them, in both languages, with nothing running."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from gateway.commands.trees import read_log_status
from gateway.health.log_report import LogStatus, log_status
from gateway.health.log_table import duration, log_table
from gateway.health.report import as_json
from gateway.settings import Settings
from gateway.tlog.lag import Lag, TreeLag
from policies.reference import LANGUAGES, Language

_NOW_US = 1_800_000_000_000_000
_S = 1_000_000
_DUE_S = 60


def _tree(name: str, *, waits_s: int | None = None, missing: int = 0) -> TreeLag:
    waiting = 0 if waits_s is None else 7
    oldest_us = None if waits_s is None else _NOW_US - waits_s * _S
    return TreeLag(name, 1234, _NOW_US - 3 * _S, 1200, waiting, oldest_us, missing)


def _lag(*trees: TreeLag, complete: bool = True, fault: str = "") -> Lag:
    root = TreeLag("root", 40, _NOW_US - 9 * _S, 40, 1, _NOW_US - 3000 * _S, 0)
    return Lag("gateway.example/log", trees, root, _NOW_US - 3 * _S, complete, fault)


def _said(status: LogStatus, language: Language) -> str:
    terminal = Console(width=160, color_system=None, record=True)
    with terminal.capture() as captured:
        terminal.print(log_table(status, language))
    return captured.get()


def test_each_tree_has_its_size_its_lag_and_its_last_checkpoints_age() -> None:
    status = log_status(_lag(_tree("partners/swift", waits_s=2), _tree("hub")), _DUE_S, _NOW_US)
    assert status.root is not None
    swift, hub = status.trees
    assert (swift.size, swift.waiting, swift.behind_s, swift.checkpoint_age_s, swift.anchored) == (1234, 7, 2, 3, 1200)
    assert swift.checkpoint == "2027-01-15T07:59:57+00:00"
    assert (hub.waiting, hub.behind_s) == (0, None)
    assert (status.state, status.root.size, status.root.checkpoint_age_s) == ("published", 40, 9)
    for language in LANGUAGES:
        said = _said(status, language)
        for words in ("gateway.example/log", "partners/swift", "1,234", "1,200 / 1,234", "root"):
            assert words in said


@pytest.mark.parametrize(("waits_s", "overdue"), [(None, False), (0, False), (60, False), (61, True)])
def test_a_record_that_waits_longer_than_receipts_promise_is_a_missed_deadline(
    waits_s: int | None, overdue: bool
) -> None:
    status = log_status(_lag(_tree("partners/swift", waits_s=waits_s)), _DUE_S, _NOW_US)
    assert status.trees[0].overdue is overdue
    for language, words in (("zh", "已违约"), ("en", "a deadline was missed")):
        assert (words in _said(status, language)) is overdue  # type: ignore[arg-type]  # both are languages


def test_nothing_is_promised_of_the_hubs_own_records_and_of_the_root_log() -> None:
    status = log_status(_lag(_tree("hub", waits_s=5000)), _DUE_S, _NOW_US)
    assert status.root is not None
    assert (status.trees[0].overdue, status.root.overdue) == (False, False)


def test_what_is_not_as_it_ought_to_be_is_said_in_both_languages() -> None:
    lag = _lag(_tree("partners/swift", missing=2), complete=False, fault="gw-1/00000001.seg, byte 8: [checksum]")
    status = log_status(lag, _DUE_S, _NOW_US)
    for language in LANGUAGES:
        said = _said(status, language)
        assert "gw-1/00000001.seg, byte 8: [checksum]" in said
        assert len([line for line in said.splitlines() if "partners/swift" in line]) == 2
    assert "witnesses still wanted for the last checkpoint: 2" in _said(status, "en")
    assert "more records wait" in _said(status, "en")


def test_the_json_document_has_the_log_beside_the_rows_and_only_where_asked() -> None:
    status = log_status(_lag(_tree("partners/swift", waits_s=61)), _DUE_S, _NOW_US)
    document = json.loads(as_json([], 1_800_000_000, status))
    assert document.keys() == {"at", "rows", "log"}
    assert document["log"]["trees"][0]["overdue"] is True
    assert document["log"]["root"]["size"] == 40
    assert json.loads(as_json([], 1_800_000_000)).keys() == {"at", "rows"}


def test_a_workspace_without_a_log_says_so_and_stays_without(tmp_path: Path) -> None:
    status = read_log_status(Settings(), tmp_path, _NOW_US)
    assert status.state == "no-log"
    assert "nothing was ever recorded" in _said(status, "en")
    assert "尚无任何记录" in _said(status, "zh")
    assert list(tmp_path.iterdir()) == []


def test_a_log_without_a_state_store_has_no_tree_and_none_is_made(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    status = read_log_status(Settings(), tmp_path, _NOW_US)
    assert (status.state, status.trees) == ("waiting", ())
    assert "no tree has been built" in _said(status, "en")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("broken", [lambda at: at.write_bytes(b"no database" * 100), lambda at: at.mkdir()])
def test_a_state_store_that_cannot_be_used_leaves_the_trees_unknown(
    tmp_path: Path, broken: Callable[[Path], object]
) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "state").mkdir()
    broken(tmp_path / "state" / "clausegate.db")
    status = read_log_status(Settings(), tmp_path, _NOW_US)
    assert status.state == "unknown"
    assert status.fault
    assert status.fault in " ".join(_said(status, "en").split())


@pytest.mark.parametrize(
    ("time_s", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (119, "119 s", "119 秒"),
        (120, "2 minutes", "2 分钟"),
        (7199, "119 minutes", "119 分钟"),
        (7200, "2 hours", "2 小时"),
        (172_800, "2 days", "2 天"),
    ],
)
def test_a_time_is_said_in_its_largest_unit(time_s: int, en: str, zh: str) -> None:
    assert (duration(time_s, "en"), duration(time_s, "zh")) == (en, zh)
