"""How many different ones: exact up to a bound, then an estimate in four kilobytes.

The estimate is a HyperLogLog of 2^12 registers (Flajolet and others, 2007), counted as it is filled (Ting, Streamed
approximate counting of distinct elements, 2014): each change of a register adds the inverse of how probable a change
was. That needs no correction for small numbers, errs by about 1.3 %, and, what matters here, what it grew by in a day
is as good an estimate as the whole, however much there was before.
"""

import hashlib

EXACT_MAX = 1024
"""So many are remembered one by one, 8 bytes of a hash each."""
_BITS = 12
REGISTERS = 1 << _BITS
_REST_BITS = 64 - _BITS


def hashed(one: bytes) -> int:
    """A number of 64 bits instead of what is counted, so that its bits are evenly spread."""
    return int.from_bytes(hashlib.blake2b(one, digest_size=8).digest())


class Distinct:
    """Counts different numbers of 64 bits, as `hashed` gives them."""

    __slots__ = ("_exact", "_free", "_registers", "count")

    def __init__(self) -> None:
        self._exact: set[int] | None = set()
        self._registers = bytearray()
        self._free = float(REGISTERS)  # the sum of 2^-register: of REGISTERS so many are open to the next one
        self.count = 0.0
        """How many there were."""

    def add(self, number: int) -> float:
        """Count one. Returns by how much the count grew: 0 or 1 while it is exact."""
        if self._exact is None:
            return self._register(number)
        if number in self._exact:
            return 0.0
        self._exact.add(number)
        self.count += 1.0
        if len(self._exact) >= EXACT_MAX:
            self._estimate()
        return 1.0

    @property
    def exact(self) -> bool:
        """False once it is an estimate."""
        return self._exact is not None

    def _estimate(self) -> None:
        """Change over: what was counted one by one stays counted."""
        known, count = self._exact or (), self.count
        self._exact, self._registers = None, bytearray(REGISTERS)
        for number in known:
            self._register(number)
        self.count = count

    def _register(self, number: int) -> float:
        index, rest = number >> _REST_BITS, number & ((1 << _REST_BITS) - 1)
        rank = _REST_BITS - rest.bit_length() + 1
        before = self._registers[index]
        if rank <= before:
            return 0.0
        grown = REGISTERS / self._free
        self._free += 2.0**-rank - 2.0**-before
        self._registers[index] = rank
        self.count += grown
        return grown
