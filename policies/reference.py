"""How a clause is named and said: by agreement and number, in each language."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Language: TypeAlias = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
ClauseId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}\Z")]
"""A clause's number. It goes into headers and records, so it is held to what may stand there."""
Words: TypeAlias = Mapping[Language, str]
"""The same thing said in each language."""
Enforce: TypeAlias = Literal["refuse", "observe"]
"""Whether a clause refuses, or only counts and records what it would have refused."""


class ClauseRef(Struct, frozen=True, gc=False):
    """The clause as a refusal, a record or a screen names it: which agreement, which number, its rendered text."""

    agreement: str
    version: str
    id: str
    kind: str
    text: Words
