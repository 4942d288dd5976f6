"""What can be wrong with a request's body: every code with its words, and the list that mistakes are collected in."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct

from policies.reference import Words

Place: TypeAlias = tuple[str | int, ...]
"""The way from the top of a body to a value: member names and positions (from 0)."""

FAULTS_MAX = 100
"""How many mistakes are listed; one more says that there are others."""
NAME_CHARACTERS_MAX = 64
"""Longer member names are not repeated in a pointer, nor are unprintable ones."""

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "encoding": ("不是 UTF-8 文本", "this is not UTF-8 text"),
        "json": ("第 {line} 行第 {column} 列不是有效的 JSON", "this is not JSON from line {line}, column {column}"),
        "depth": ("嵌套过深", "this is nested too deeply"),
        "values": ("成员与项目合计至多 {limit} 个", "this must hold at most {limit} members and items in all"),
        "type": ("类型应为 {wanted}", "this must be of type {wanted}"),
        "required": ("必填", "this is required"),
        "null": ("不得为 null", "this must not be null"),
        "additional": ("不可写入，或不存在", "this is not among what may be written here"),
        "duplicate": ("同一名称出现多次", "this name is given more than once"),
        "character": ("文本不得包含 U+0000 或孤立代理项", "text must not hold U+0000 or lone surrogates"),
        "number": ("数字过大、过小、位数过多或非有限", "this number is too large or small, or is none"),
        "enum": ("应为以下之一：{choices}", "this must be one of: {choices}"),
        "min-length": ("至少 {limit} 个字符", "this must have at least {limit} characters"),
        "max-length": ("至多 {limit} 个字符", "this must have at most {limit} characters"),
        "pattern": ("应符合模式 {pattern}", "this must match {pattern}"),
        "format": ("格式应为 {wanted}", "this must be written as {wanted}"),
        "minimum": ("不得小于 {limit}", "this must be {limit} or more"),
        "maximum": ("不得大于 {limit}", "this must be {limit} or less"),
        "exclusive-minimum": ("应大于 {limit}", "this must be more than {limit}"),
        "exclusive-maximum": ("应小于 {limit}", "this must be less than {limit}"),
        "multiple-of": ("应为 {limit} 的整数倍", "this must be a multiple of {limit}"),
        "min-items": ("至少 {limit} 项", "this must have at least {limit} items"),
        "max-items": ("至多 {limit} 项", "this must have at most {limit} items"),
        "unique-items": ("各项不得重复", "the items must differ from each other"),
        "min-properties": ("至少 {limit} 个成员", "this must have at least {limit} members"),
        "max-properties": ("至多 {limit} 个成员", "this must have at most {limit} members"),
        "more": ("另有错误未列出", "there are more mistakes than are listed"),
    }
)
BODY_CODES = tuple(_WORDS)
"""Every code. A code never changes its meaning and is never used again once it is gone."""


class BodyFault(Struct, frozen=True):
    """One mistake. `pointer` says where (RFC 6901); `words` hold numbers and choices of the contract, never a value."""

    pointer: str
    code: str
    words: Words


class Faults:
    """The mistakes of one body, in the order in which they are found, up to FAULTS_MAX."""

    def __init__(self) -> None:
        self._found: list[BodyFault] = []
        self._more = False

    def add(self, at: Place, code: str, **said: object) -> None:
        """One more; `said` fills the words."""
        if len(self._found) < FAULTS_MAX:
            self._found.append(BodyFault(_pointer(at), code, words_of(code, **said)))
        else:
            self._more = True

    def all(self) -> tuple[BodyFault, ...]:
        """What was found; empty when nothing is wrong."""
        more = (BodyFault("", "more", words_of("more")),) if self._more else ()
        return (*self._found, *more)


def words_of(code: str, **said: object) -> Words:
    """The words for a code, in both languages."""
    zh, en = _WORDS[code]
    return {"zh": zh.format(**said), "en": en.format(**said)}


def _pointer(at: Place) -> str:
    """RFC 6901. It ends before a name that is too long or unprintable: then it says in which object the mistake is."""
    pointer = ""
    for step in at:
        name = str(step)
        if len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
            break
        pointer += "/" + name.replace("~", "~0").replace("/", "~1")
    return pointer
