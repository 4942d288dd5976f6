"""A value that must not show up by accident: in a log line, a repr, an error or a traceback's locals."""

from typing import Generic, TypeVar, final

Value = TypeVar("Value", str, bytes)


@final
class Hidden(Generic[Value]):
    """Holds a secret. Only `reveal()` gives it out, so every place that does so can be found by that word."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value: Value = value

    def reveal(self) -> Value:
        return self._value

    def __repr__(self) -> str:
        return "Hidden()"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> str:
        raise TypeError("a hidden value is not pickled")
