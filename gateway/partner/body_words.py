"""What the strict decoder says of a body, in both languages and without anything that was sent.

msgspec says what it expected and what it found, in English, with the names and limits of our own types. Each form of
its sentences has a row here; one that is not known is told in general words, never passed on.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from policies.reference import Words

NO_JSON: Final[Words] = {
    "zh": "不是 JSON 文档，或某个对象中有重复的名称",
    "en": "this is no JSON document, or a name is given twice in one object",
}
_OTHER: Final[Words] = {"zh": "该值不符合此处的要求", "en": "this is not a value that is allowed here"}
_TYPES: Final[Mapping[str, str]] = {
    "str": "文本",
    "int": "整数",
    "float": "数字",
    "bool": "布尔值",
    "object": "对象",
    "array": "数组",
    "null": "null",
}
_SIGNS: Final[Mapping[str, str]] = {">=": "不小于", "<=": "不大于", ">": "大于", "<": "小于", "==": "等于"}


def words_of_fault(message: str) -> Words:
    """`message` is that of msgspec.ValidationError, without the place."""
    for form, said in _FORMS:
        if found := form.fullmatch(message):
            return said(*found.groups())
    return _OTHER


def _kind(name: str) -> str:
    """A type of JSON, or several, in Chinese."""
    return " | ".join(_TYPES.get(each, each) for each in name.split(" | "))


def _missing(name: str) -> Words:
    return {"zh": f"缺少必填成员 `{name}`", "en": f"the member `{name}` is required"}


def _mistyped(wanted: str, found: str) -> Words:
    return {"zh": f"类型应为{_kind(wanted)}，实为{_kind(found)}", "en": f"Expected `{wanted}`, got `{found}`"}


def _of_length(kind: str, sign: str, number: str) -> Words:
    unit = {"str": "字符数", "array": "项数"}.get(kind, "成员数")
    return {"zh": f"{unit}应{_SIGNS[sign]} {number}", "en": f"Expected `{kind}` of length {sign} {number}"}


def _of_size(kind: str, sign: str, number: str) -> Words:
    return {"zh": f"{_kind(kind)}应{_SIGNS[sign]} {number}", "en": f"Expected `{kind}` {sign} {number}"}


def _by_pattern(pattern: str) -> Words:
    return {"zh": f"文本应符合模式 {pattern}", "en": f"Expected `str` matching regex {pattern}"}


_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[..., Words]], ...]] = (
    (re.compile(r"Object missing required field `([^`]*)`"), _missing),
    (re.compile(r"Expected `([^`]*)`, got `([^`]*)`"), _mistyped),
    (re.compile(r"Expected `(\w+)` of length (>=|<=|==) (\d+)"), _of_length),
    (re.compile(r"Expected `(\w+)` (>=|<=|>|<) (-?[\d.]+)"), _of_size),
    (re.compile(r"Expected `str` matching regex (.+)"), _by_pattern),
    (
        re.compile(r"Object contains unknown field .*", re.DOTALL),
        lambda: {"zh": "对象含有未知成员", "en": "a member of this object is not known"},
    ),
    (
        re.compile(r"Invalid enum value .*", re.DOTALL),
        lambda: {"zh": "取值不在允许的范围内", "en": "this is none of the values that are allowed"},
    ),
)
"""The forms, and the words for what each names. Of what was sent, only the type is named."""
