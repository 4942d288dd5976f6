"""How long good answers took, by class of operation: buckets while counting, a DDSketch when percentiles are shown.

Only for people to look at: what a contract promises is counted exactly, at its own thresholds (gateway/sla/minutes.py).
"""

import zlib
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from ddsketch import DDSketch

OperationClass: TypeAlias = Literal["read", "write"]
CLASSES: Final[tuple[OperationClass, ...]] = ("read", "write")
WRITING: Final = frozenset({"create", "update", "delete"})
"""Operations of the class `write`; the others (list, get) read."""
RELATIVE_ERROR: Final = "0.021"
"""Of a percentile at most, of the answer that has its rank: a bucket is at most 1/32 wide, so that its middle is 1/64
away from what is in it, and the sketch adds 0.005 of what it is given."""
LATENCY_MAX_US: Final = (1 << 32) - 1
"""What took longer counts as this, 71 minutes."""
_ACCURACY: Final = 0.005
_BUCKETS: Final = 896

Buckets: TypeAlias = "array[int]"
"""Numbers of answers. Below 64 us there is a bucket for each microsecond, above it 32 for each doubling."""


def no_latencies() -> Buckets:
    """Nothing counted yet."""
    return array("I", bytes(4 * _BUCKETS))


def count_latency(buckets: Buckets, latency_us: int) -> None:
    """Count one answer: a third of a microsecond, and nothing is allocated."""
    if latency_us < 64:
        buckets[latency_us if latency_us > 0 else 0] += 1  # no clock is trusted so far that a count may fail
    elif latency_us <= LATENCY_MAX_US:
        shift = latency_us.bit_length() - 6
        buckets[(shift << 5) + (latency_us >> shift)] += 1
    else:
        buckets[_BUCKETS - 1] += 1


def pack_latencies(buckets: Buckets) -> bytes:
    """For a day that is over: most buckets are empty."""
    return zlib.compress(buckets.tobytes(), 1)


def unpack_latencies(packed: bytes) -> Buckets:
    """What was packed, in the same process."""
    buckets: Buckets = array("I")
    buckets.frombytes(zlib.decompress(packed))
    return buckets


def sketch_of(counted: Iterable[Buckets]) -> "DDSketch":
    """All that was counted, as a sketch of latencies in microseconds."""
    from ddsketch import DDSketch  # 50 ms: most commands show none

    sketch = DDSketch(_ACCURACY)
    for bucket, counts in enumerate(zip(*counted, strict=True)):
        if count := sum(counts):
            shift = max(0, bucket // 32 - 1)
            least = bucket - (shift << 5) << shift
            sketch.add(least + ((1 << shift) - 1) / 2, count)
    return sketch
