"""Real processes, really killed: every record they acknowledged is in the log, and every receipt is signed."""

import random
from pathlib import Path

from gateway.audit.frames import frames
from gateway.audit.layout import segments_in
from tests.unit.audit.kill9 import judged, one_round, until_death


def test_no_acknowledged_record_of_two_writers_in_one_log_is_lost_by_kill_9(tmp_path: Path) -> None:
    moments = random.Random(9)  # noqa: S311  # moments of death, not secrets
    for _ in range(5):
        lines = moments.randint(1, 1500)
        result = one_round(tmp_path, lines)
        assert result.fault is None
        assert result.acknowledged >= lines
        assert (result.lost, result.unsigned) == (0, 0)


def test_what_is_missing_or_unsigned_would_be_noticed(tmp_path: Path) -> None:
    lines = until_death(tmp_path, 200, ["gw-1"])
    assert judged(tmp_path, lines, ["gw-1"]).lost == 0
    (path,) = [path for number, path in segments_in(tmp_path / "gw-1") if number == 1]
    for _, later in segments_in(tmp_path / "gw-1")[1:]:
        later.unlink()
    data = path.read_bytes()
    path.write_bytes(data[: list(frames(data))[100][0]])
    # What stands there is sound; only who holds a receipt knows of more.
    result = judged(tmp_path, lines, ["gw-1"])
    assert result.fault is None
    assert result.lost >= 100
    assert judged(tmp_path, [lines[0].replace("sig=:", "sig=:AAAA", 1)[:-5] + ":"], ["gw-1"]).unsigned == 1
    assert judged(tmp_path, [lines[0], lines[1].replace("index=", "index=9")], ["gw-1"]).unsigned == 1
