"""How many texts a regular expression can match: only for expressions so simple that it can be proved.

Understood are anchored sequences of characters, `\\d`, classes of single characters and ranges, groups with
alternatives, and the repetitions `?`, `{n}`, `{n,m}`; `*`, `+` and `{n,}` where the length of the text is limited.
Everything else, such as `.`, `\\w`, negated classes and look-around, counts as unbounded.
"""

import re

_REPEAT = re.compile(r"\{(\d{1,4})(,(\d{1,4})?)?\}", re.ASCII)
_SPECIAL = frozenset(".*+?{}[]()|^$\\")
_ESCAPED_LETTERS = {"t", "n", "r", "f", "v"}


class _UnboundedError(Exception):
    """The expression is not one whose size can be proved."""


def pattern_size(pattern: str, length_max: int | None, large: int) -> int | None:
    """An upper bound on the number of texts that match, texts of at most `length_max` characters if that is known.

    None when it cannot be proved or when it is `large` or more.
    """
    if not (pattern.startswith("^") and pattern.endswith(("$", "\\Z")) and not pattern.endswith("\\$")):
        return None
    body = pattern[1:].removesuffix("$").removesuffix("\\Z")
    reading = _Reading(body, length_max, large)
    try:
        size = reading.alternatives()
        if reading.at < len(body):
            return None
        # `^a|b$` anchors each side once: what stands outside the anchors is free.
        return None if reading.bare_alternatives else size
    except (_UnboundedError, RecursionError):
        return None


class _Reading:
    """A recursive-descent reader of one expression that multiplies and adds sizes as it goes."""

    def __init__(self, text: str, length_max: int | None, large: int) -> None:
        self._text, self._length_max, self._large = text, length_max, large
        self.at = 0
        self.bare_alternatives = False
        self._depth = 0

    def alternatives(self) -> int:
        size = self._sequence()
        while self._peek() == "|":
            self.bare_alternatives |= self._depth == 0
            self.at += 1
            size += self._sequence()
        return self._held(size)

    def _sequence(self) -> int:
        size = 1
        while self._peek() not in ("", "|", ")"):
            size = self._held(size * self._repeated(self._atom()))
        return size

    def _atom(self) -> int:
        character = self._peek()
        self.at += 1
        if character == "[":
            return self._class()
        if character == "(":
            return self._group()
        if character == "\\":
            return 10 if self._escape() == "\\d" else 1
        if character in _SPECIAL:
            raise _UnboundedError
        return 1

    def _group(self) -> int:
        if self._text.startswith("?", self.at):
            if not self._text.startswith("?:", self.at):
                raise _UnboundedError
            self.at += 2
        self._depth += 1
        size = self.alternatives()
        self._depth -= 1
        if self._peek() != ")":
            raise _UnboundedError
        self.at += 1
        return size

    def _escape(self) -> str:
        character = self._peek()
        self.at += 1
        if character == "d":
            return "\\d"
        if not character or (character.isalnum() and character not in _ESCAPED_LETTERS):
            raise _UnboundedError
        return character

    def _class(self) -> int:
        if self._peek() == "^":
            raise _UnboundedError
        size = 0
        while (character := self._peek()) not in ("]", ""):
            self.at += 1
            if character == "[":  # a set operation in some dialects
                raise _UnboundedError
            low = self._escape() if character == "\\" else character
            if low == "\\d":
                size += 10
            elif self._peek() == "-" and self._text[self.at + 1 : self.at + 2] not in ("]", ""):
                if character == "\\" or self._text[self.at + 1] == "\\":  # a range that ends in an escape
                    raise _UnboundedError
                size += max(0, ord(self._text[self.at + 1]) - ord(low) + 1)
                self.at += 2
            else:
                size += 1
        if not self._peek():
            raise _UnboundedError
        self.at += 1
        return size

    def _repeated(self, size: int) -> int:
        least, most = self._times()
        most = self._length_max if most is None else most
        if most is None or most > 200:
            raise _UnboundedError
        return self._held(sum(size**times for times in range(least, most + 1)))

    def _times(self) -> tuple[int, int | None]:
        """How often the atom before may stand; None: without end."""
        character = self._peek()
        if character in ("?", "*", "+"):
            self.at += 1
            found = (1 if character == "+" else 0, 1 if character == "?" else None)
        elif character == "{":
            match = _REPEAT.match(self._text, self.at)
            if match is None:
                raise _UnboundedError
            self.at = match.end()
            least = int(match[1])
            found = (least, least if match[2] is None else int(match[3]) if match[3] else None)
        else:
            return 1, 1
        if self._peek() in ("?", "+", "*", "{"):  # lazy, possessive: rare, and not needed
            raise _UnboundedError
        return found

    def _held(self, size: int) -> int:
        if size >= self._large:
            raise _UnboundedError
        return size

    def _peek(self) -> str:
        return self._text[self.at : self.at + 1]
