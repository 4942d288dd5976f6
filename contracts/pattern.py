"""A regular expression of a document, held against text from outside in time linear to its length.

The expressions of the standard library can take forever on a text that was made for it. These are RE2's, by way of
CEL's `matches`: without back references and look-around, and never slower than the text is long.
"""

from collections.abc import Sequence

import msgspec
from cel_expr_python import cel

_TEXTS_MAX = 1_000
"""CEL bounds the steps of one evaluation; so many texts are far below it."""


class Pattern:
    """One expression, compiled. A text fits if the expression is found anywhere in it, unless it is anchored."""

    def __init__(self, expression: str) -> None:
        """Raises ValueError when this is no expression that RE2 knows."""
        self.expression = expression
        self._failing = _environment().compile(
            f"texts.filter(text, !text.matches({msgspec.json.encode(expression).decode()})).size()"
        )
        self.failing([""])

    def failing(self, texts: Sequence[str]) -> int:
        """How many of these do not fit."""
        count = 0
        for start in range(0, len(texts), _TEXTS_MAX):
            result = self._failing.eval(data={"texts": list(texts[start : start + _TEXTS_MAX])})
            if result.type() != cel.Type.INT:
                raise ValueError("not a regular expression that is understood here")
            count += result.value()
        return count


def _environment() -> cel.Env:
    return cel.NewEnv(variables={"texts": cel.Type.List(cel.Type.STRING)})
