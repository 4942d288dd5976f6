"""The scan of what the suite put on logs: it finds a personal value wherever one could stand, and none by chance."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.sidecar import Sidecar
from gateway.audit.writer import Writer
from gateway.store.hidden import Hidden
from tests.leaf_scan import Leak, PersonalValues, demo_values, scan
from tests.unit.audit.doubles import an_exchange

NAME, PHONE, ENGLISH, MARK = "司马青云", "17011112222", "Sima Qingyun", "marked-"  # of nobody in the demo
PERSONAL = PersonalValues([NAME, PHONE, ENGLISH, MARK, "no"])


def logged(tmp_path: Path, **changes: Any) -> Path:
    """A log with one record of an exchange, and records before and behind it."""
    writer = Writer.open(tmp_path / "log", "gw-1")
    assert isinstance(writer, Writer)
    for entry in (an_exchange(1), an_exchange(2, **changes), an_exchange(3)):
        writer.append_written(entry)
    writer.close()
    return tmp_path


@pytest.mark.parametrize(
    ("field", "value", "leaked"),
    [
        ("route", f"/v1/leads/{PHONE}", PHONE),
        ("code", f"not {NAME}", NAME),
        ("client", ENGLISH, ENGLISH),
        ("product", "marked-note-7", MARK),
        ("bytes", int(PHONE), PHONE),
    ],
)
def test_a_personal_value_in_any_field_of_a_leaf_is_found_with_its_file(
    tmp_path: Path, field: str, value: Any, leaked: str
) -> None:
    folder = logged(tmp_path, **{field: value})
    assert scan(folder, PERSONAL) == [Leak(leaked, ("log/gw-1/00000001.seg",))]


def test_digits_of_a_longer_number_are_no_phone_number(tmp_path: Path) -> None:
    folder = logged(tmp_path, time_us=int("17" + PHONE + "000"), request_id=f"{PHONE}0", latency_us=1380)
    assert scan(folder, PERSONAL) == []


def test_an_entry_bundle_is_looked_at_as_a_segment_is(tmp_path: Path) -> None:
    bundle = tmp_path / "tree" / "partners" / "swift" / "tile" / "entries" / "000.p" / "1"
    bundle.parent.mkdir(parents=True)
    leaf = b'{"v":2,"entry":{"route":"/v1/leads/%b"}}' % PHONE.encode()
    bundle.write_bytes(len(leaf).to_bytes(2) + leaf)
    assert [leak.value for leak in scan(tmp_path, PERSONAL)] == [PHONE]


def test_a_sidecar_that_held_names_would_be_found_and_ours_holds_none(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path / "sidecar" / "gw-1", Hidden(bytes(32)), flush_s=None)
    assert isinstance(sidecar.commit(bytes(32), [NAME, PHONE, ENGLISH]), str)
    assert scan(tmp_path, PERSONAL) == []
    (tmp_path / "sidecar" / "gw-1" / "00000002.side").write_bytes(b"\x01\x00" + NAME.encode() + b"\xff")
    assert [leak.value for leak in scan(tmp_path, PERSONAL)] == [NAME]


def test_values_too_short_to_mean_anything_are_left_out() -> None:
    assert len(PersonalValues(["no", "Li", "Wang Wei"])) == 1


def test_the_demos_people_are_looked_for_by_all_that_is_known_of_them() -> None:
    values = demo_values()
    assert len(values) > 20_000
    assert {"13812345678", "王建国", "canary-", "湖南省"} <= values
    assert [value for value in values if value.startswith("canary-")] == ["canary-"]


@given(st.binary(min_size=8, max_size=8), st.sampled_from([NAME, PHONE, ENGLISH, MARK]))
def test_no_header_of_a_frame_hides_what_stands_behind_it(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, value: str
) -> None:
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "00000001.seg").write_bytes(header + b'{"v":2,"entry":{"route":"x%b"}}' % value.encode())
    assert [leak.value for leak in scan(folder, PERSONAL)] == [value]
