"""Whether something was there before, in a fixed piece of memory: two Bloom filters that take turns.

A filter forgets nothing and may be wrong the other way: about one in a hundred new ones passes for an old one. When one
is full, or has been filled for two days, the other is emptied and goes on: what was met in the last two to four days is
known, of many no more than the last 10,000 to 20,000.
"""

import hashlib

BITS = 1 << 17
GENERATION = 10_000
GENERATION_DAYS = 2
_HASHES = 4


class Remembered:
    """A memory of texts that cannot be read back. It takes 32 KiB, once there is anything to remember."""

    __slots__ = ("_begun", "_count", "_new", "_old")

    def __init__(self) -> None:
        self._new, self._old = bytearray(), bytearray()
        self._count = self._begun = 0

    def meet(self, text: str, day: int) -> bool:
        """Remember, on a day (`date.toordinal`). True if it was not known."""
        if not self._new:
            self._new, self._old, self._begun = bytearray(BITS // 8), bytearray(BITS // 8), day
        elif day >= self._begun + 2 * GENERATION_DAYS:  # neither has anything of the last two days
            self._new, self._old, self._begun, self._count = bytearray(BITS // 8), bytearray(BITS // 8), day, 0
        elif day >= self._begun + GENERATION_DAYS:
            self._turn(day)
        digest = int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).digest())
        bits = [digest >> 24 * number & BITS - 1 for number in range(_HASHES)]
        if _holds(self._new, bits):
            return False
        known = _holds(self._old, bits)
        if self._count >= GENERATION:
            self._turn(day)
        for bit in bits:
            self._new[bit >> 3] |= 1 << (bit & 7)
        self._count += 1
        return not known

    def _turn(self, day: int) -> None:
        self._new, self._old, self._begun, self._count = bytearray(BITS // 8), self._new, day, 0


def _holds(filled: bytearray, bits: list[int]) -> bool:
    return all(filled[bit >> 3] & 1 << (bit & 7) for bit in bits)
