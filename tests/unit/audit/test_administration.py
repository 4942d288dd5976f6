"""The writer of commands: beside a serving gateway, one command after another."""

from pathlib import Path
from threading import Thread

import pytest

from gateway.audit.administration import open_admin
from gateway.audit.faults import LogFault
from gateway.audit.layout import is_writer_name, writers_in
from gateway.audit.leaf import Receipt
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer
from gateway.settings import Settings
from tests.unit.audit.doubles import an_authority, an_exchange, opened

SETTINGS = Settings(reserve_mib=1)


def admin(folder: Path, wait_s: float) -> Writer:
    found = open_admin(SETTINGS, folder, wait_s)
    assert isinstance(found, Writer), found
    return found


def test_a_command_records_what_it_changed_beside_a_gateway_that_serves(tmp_path: Path) -> None:
    log = SETTINGS.log_path(tmp_path)
    serving, command = opened(log), admin(tmp_path, 0)
    assert isinstance(serving.append_written(an_exchange()), Receipt)
    assert isinstance(command.append_written(an_authority()), Receipt)
    for writer in (serving, command):
        writer.close()
    report = verify_log(log)
    assert isinstance(report, Report)
    assert [(each.writer, each.records) for each in report.writers] == [("admin", 2), ("gw-1", 2)]


def test_a_second_command_waits_for_the_first_and_not_without_end(tmp_path: Path) -> None:
    first = admin(tmp_path, 0)
    fault = open_admin(SETTINGS, tmp_path, 0)
    assert isinstance(fault, LogFault)
    assert fault.kind == "locked"
    waiting: list[Writer] = []
    thread = Thread(target=lambda: waiting.append(admin(tmp_path, 30)))
    thread.start()
    first.close()
    thread.join()
    waiting[0].close()


def test_a_fault_that_waiting_does_not_mend_is_told_at_once(tmp_path: Path) -> None:
    SETTINGS.log_path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
    SETTINGS.log_path(tmp_path).touch()
    fault = open_admin(SETTINGS, tmp_path, 3600)
    assert isinstance(fault, LogFault)
    assert fault.kind == "unusable"


def test_the_settings_of_the_workspace_hold_for_commands_too(tmp_path: Path) -> None:
    fault = open_admin(Settings(reserve_mib=1_000_000_000), tmp_path, 0)
    assert isinstance(fault, LogFault)
    assert fault.kind == "disk-full"


@pytest.mark.parametrize("name", ["tree", "contracts"])
def test_folders_of_other_things_in_the_log_are_no_writers(tmp_path: Path, name: str) -> None:
    opened(tmp_path).close()
    (tmp_path / name).mkdir()
    assert [path.name for path in writers_in(tmp_path)] == ["gw-1"]
    assert not is_writer_name(name)
    fault = Writer.open(tmp_path, name)
    assert isinstance(fault, LogFault)
    assert fault.kind == "unusable"
