"""Whatever the decoder finds wrong with a body is said in both languages, and nothing of the body with it."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from gateway.partner.body_words import words_of_fault


class Wish(Struct, forbid_unknown_fields=True):
    """One member for each kind of bound that bodies of partners have."""

    name: Annotated[str, Meta(min_length=2, max_length=4, pattern="^[a-z]+$")]
    count: Annotated[int, Meta(ge=1, le=9)] = 1
    size: Literal["small", "large"] = "small"
    items: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)] = ("a",)
    more: Annotated[dict[str, int], Meta(max_length=1)] = {}


@pytest.mark.parametrize(
    ("body", "zh", "en"),
    [
        ("{}", "缺少必填成员 `name`", "the member `name` is required"),
        ("[]", "类型应为对象，实为数组", "Expected `object`, got `array`"),
        ('{"name": 7}', "类型应为文本，实为整数", "Expected `str`, got `int`"),
        ('{"name": "s"}', "字符数应不小于 2", "Expected `str` of length >= 2"),
        ('{"name": "secret"}', "字符数应不大于 4", "Expected `str` of length <= 4"),
        ('{"name": "NO"}', "文本应符合模式 '^[a-z]+$'", "Expected `str` matching regex '^[a-z]+$'"),
        ('{"name": "no", "count": 0}', "整数应不小于 1", "Expected `int` >= 1"),
        ('{"name": "no", "count": 10}', "整数应不大于 9", "Expected `int` <= 9"),
        ('{"name": "no", "size": "secret"}', "取值不在允许的范围内", "this is none of the values that are allowed"),
        ('{"name": "no", "items": []}', "项数应不小于 1", "Expected `array` of length >= 1"),
        ('{"name": "no", "more": {"a": 1, "b": 2}}', "成员数应不大于 1", "Expected `object` of length <= 1"),
        ('{"name": "no", "secret": 1}', "对象含有未知成员", "a member of this object is not known"),
    ],
)
def test_each_fault_is_told_by_what_is_wanted(body: str, zh: str, en: str) -> None:
    with pytest.raises(msgspec.ValidationError) as found:
        msgspec.json.decode(body, type=Wish)
    assert words_of_fault(str(found.value).partition(" - at `")[0]) == {"zh": zh, "en": en}


def test_words_of_the_decoder_that_are_not_known_are_not_passed_on() -> None:
    words = words_of_fault("Something about 13800001111")
    assert words == {"zh": "该值不符合此处的要求", "en": "this is not a value that is allowed here"}
