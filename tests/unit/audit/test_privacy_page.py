"""docs/privacy.md: its example is run as it stands, and says what the code does."""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from gateway.audit.sidecar import FILE_BYTES_MAX, FLUSH_S, FORGET_S, Opening, openings
from gateway.audit.sidecar_file import KeyFrame, RecordFrame, file_name, key_frame, read_frames, record_frame
from gateway.store.idempotency import KEEP_S
from tests.conftest import ROOT
from tests.unit.audit.commitments import opens

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
K, PAYLOAD = re.findall(r'== "([0-9a-f]{64})"', EXAMPLE)
BODY = b'{"data":[{"shipment_id":"S-1"}],"next":null}'


def test_the_example_runs_with_nothing_but_the_standard_library(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", EXAMPLE], cwd=tmp_path, check=True, timeout=30)


def test_the_example_is_what_the_sidecar_makes_of_its_salt_and_key(tmp_path: Path) -> None:
    commitment, salt, key = bytes.fromhex(PAYLOAD), bytes(range(16)), bytes(range(16, 32))
    file = tmp_path / "gw-1" / file_name(1)
    file.parent.mkdir()
    frames = (key_frame(0, b"h" * 16, key), record_frame(commitment, salt, 1, bytes(4)))
    file.write_bytes(b"".join(frames))
    assert [len(frame) for frame in frames] == [41, 57 + 4]
    assert list(read_frames(b"".join(frames))) == [
        KeyFrame(0, b"h" * 16, key),
        RecordFrame(commitment, salt, (0,)),
    ]
    assert list(openings(tmp_path, {commitment})) == [Opening(commitment, bytes.fromhex(K))]
    assert sha256(BODY).digest() != commitment
    assert opens(Opening(commitment, bytes.fromhex(K)), BODY)


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    assert (FORGET_S, FLUSH_S, FILE_BYTES_MAX, KEEP_S) == (60.0, 1.0, 16 << 20, 24 * 3600)
    for words in ("within a second", "every minute", "every 16 MiB", "within 24 hours"):
        assert words in PAGE, words
