"""A real process, really killed: every record it acknowledged is in the log."""

import random
from pathlib import Path

from tests.unit.audit.kill9 import one_round


def test_no_acknowledged_record_is_lost_by_kill_9(tmp_path: Path) -> None:
    moments = random.Random(9)  # noqa: S311  # moments of death, not secrets
    for _ in range(5):
        lines = moments.randint(1, 1500)
        result = one_round(tmp_path, lines)
        assert result.fault is None
        assert result.acknowledged >= lines
        assert result.lost == 0
