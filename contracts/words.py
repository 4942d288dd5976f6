"""Types and values in plain words, for messages about documents."""

from typing import Any

from msgspec import inspect

from contracts.finding import clipped

_SIMPLE: dict[type[inspect.Type], str] = {
    inspect.AnyType: "any value",
    inspect.BoolType: "true or false",
    inspect.NoneType: "nothing",
    inspect.StructType: "a mapping",
    inspect.DictType: "a mapping",
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.SetType: "a list",
    inspect.FrozenSetType: "a list",
    inspect.DateType: "a date such as 2026-01-31",
    inspect.TimeDeltaType: "a span of time such as PT5M or P1D",
    inspect.DecimalType: 'a decimal number in quotes, such as "99.95"',
}


def expected(info: inspect.Type) -> str:
    """What a type wants, in words: `a whole number of at least 1`."""
    if isinstance(info, inspect.Metadata):
        return expected(info.type)
    if isinstance(info, inspect.UnionType):
        words = [expected(choice) for choice in info.types if not isinstance(choice, inspect.NoneType)]
        return " or ".join(dict.fromkeys(words))
    if isinstance(info, inspect.LiteralType):
        choices = ", ".join(str(choice) for choice in info.values)
        return choices if len(info.values) == 1 else f"one of {choices}"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return ("a whole number" if isinstance(info, inspect.IntType) else "a number") + _bounds(info)
    if isinstance(info, inspect.StrType):
        return "text" + _form(info)
    return _SIMPLE.get(type(info), "another value")


def found(value: Any) -> str:
    """What a value is, in words; short values are shown, long ones only counted."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{clipped(value)}"' if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"the number {value}"


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    bounds = [
        f"{words} {limit}"
        for words, limit in (
            ("at least", info.ge),
            ("more than", info.gt),
            ("at most", info.le),
            ("less than", info.lt),
        )
        if limit is not None
    ]
    return f" of {' and '.join(bounds)}" if bounds else ""


def _form(info: inspect.StrType) -> str:
    parts = []
    if info.min_length:
        parts.append("not empty" if info.min_length == 1 else f"at least {info.min_length} characters")
    if info.max_length is not None:
        parts.append(f"at most {info.max_length} characters")
    if info.pattern is not None:
        parts.append(_PATTERNS.get(info.pattern) or f"of the form {info.pattern}")
    return f" ({', '.join(parts)})" if parts else ""


_PATTERNS = {
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\Z": "three numbers such as 2.1.0",
    r"^v3\.[0-9]+\.[0-9]+\Z": "a version of the standard such as v3.1.0",
    r"^[a-z0-9][a-z0-9-]{0,63}\Z": "lower-case letters, digits and hyphens",
    r"^[a-z][a-z0-9_-]{0,63}\Z": "lower-case letters, digits, hyphens and underscores",
    r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}\Z": "a number such as 4.1",
    r"^[0-9]{1,12}(\.[0-9]{1,6})?\Z": 'a decimal number such as "99.95"',
    r"^status < [1-5][0-9][0-9]\Z": "a rule such as status < 500",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z": "one word such as list or getQuote",
    r"^[A-Za-z_][A-Za-z0-9_]*(\[\])?(\.[A-Za-z_][A-Za-z0-9_]*(\[\])?)*\Z": "the name of a field such as customer.name",
    r"^[a-z][a-z0-9_-]{0,31}\Z": "one lower-case word such as critical",
    r"^P[1-9][0-9]{0,2}[MD]\Z": "months or days such as P2M or P30D",
    r"^(errors (>|>=)|good (<|<=)) [0-9]{1,3}(\.[0-9]{1,6})?\Z": "a rule such as errors > 5 or good < 95, in percent",
    r"^[A-Z]{3}\Z": "a currency such as CNY",
    r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?\Z": 'a decimal number such as "-2.5"',
    r"^[A-Za-z0-9_-]{1,64}\Z": "one word of letters, digits, hyphens and underscores",
    r"^[^\s{}]{1,64}\Z": "the name of a role, without spaces and braces",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z": "one word such as personal-sensitive",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z": 'a time of day such as "08:30"',
    r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z": 'a time of day such as "18:00" or "24:00"',
    r"^[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}\Z": "a network such as 192.0.2.0/24",
    r"^(@method|@target-uri|@authority|@scheme|@request-target|@path|@query|[a-z][a-z0-9-]{0,63})\Z": (
        "a part of a request such as @method, or a header field in lower case"
    ),
}
"""The patterns of our documents in words; one that is not here is shown as it is."""
