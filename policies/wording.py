"""Values as they read in a sentence: the one place where a number of a clause becomes words, in each language."""

from collections.abc import Iterable
from datetime import timedelta

from policies.reference import Words

_UNITS = ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute"), (1, "秒", "second"))


def number(value: int) -> Words:
    """An integer: plain digits, so that what is read is what is written in the document."""
    return {"zh": str(value), "en": str(value)}


def literal(value: str) -> Words:
    """Text that reads the same in every language, such as a decimal number or a code."""
    return {"zh": value, "en": value}


def percent(value: str) -> Words:
    """A decimal text as a percentage."""
    return literal(f"{value}%")


def duration(value: timedelta) -> Words:
    """A span of time in its largest whole unit: PT1M is “1 minute”, PT90S “90 seconds”."""
    microseconds = value // timedelta(microseconds=1)
    if microseconds % 1_000_000:
        amount = f"{microseconds // 1000}" if microseconds % 1000 == 0 else f"{microseconds / 1000}"
        return {"zh": f"{amount} 毫秒", "en": f"{amount} millisecond" + ("" if amount == "1" else "s")}
    seconds = microseconds // 1_000_000
    for size, zh, en in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return {"zh": f"{count} {zh}", "en": f"{count} {en}" + ("" if count == 1 else "s")}
    return {"zh": "0 秒", "en": "0 seconds"}


def listed(values: Iterable[str]) -> Words:
    """Several codes, in the order given."""
    return joined(literal(value) for value in values)


def joined(values: Iterable[Words]) -> Words:
    """Several things that are said otherwise in each language, in the order given; “none” when there are none."""
    said = tuple(values)
    if not said:
        return {"zh": "无", "en": "none"}
    return {"zh": "、".join(words["zh"] for words in said), "en": ", ".join(words["en"] for words in said)}
