"""A policy document: standard terms, immutable once published, and the sentences rendered from its numbers."""

import re
from typing import Annotated

from msgspec import Meta, Struct

from policies.clause import Clause
from policies.kinds import KINDS
from policies.reference import LANGUAGES, Language, Words

__all__ = ["KINDS", "Policy", "render", "text_faults"]

Version = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\Z")]
NAME_PATTERN = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}\Z")
Name = Annotated[str, Meta(pattern=NAME_PATTERN.pattern)]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """A versioned set of numbered clauses. `prevails` is the language that decides when the two differ."""

    policy: Name
    """Its name."""
    version: Version
    """Its version; a published one never changes."""
    title: dict[Language, str]
    """Its title in each language."""
    prevails: Language
    """The language that decides when the two differ."""
    clauses: tuple[Clause, ...]
    """The numbered clauses, each of a kind described in clauses.md."""


def render(clause: Clause) -> Words:
    """The clause's sentence in each language, every placeholder replaced by the value that is executed."""
    words = clause.words()
    sentences: dict[Language, str] = {}
    for language, template in clause.text.items():
        pieces = _PLACEHOLDER.split(template)
        pieces[1::2] = [words[name][language] for name in pieces[1::2]]
        sentences[language] = "".join(pieces).strip()
    return sentences


class TextFault(Struct, frozen=True):
    """What is wrong with a clause's sentence in one language."""

    language: Language
    code: str
    message: str


def text_faults(clause: Clause) -> list[TextFault]:
    """What is wrong with a clause's sentences: a language without a text, a parameter left out or unknown.

    Numbers live once, as parameters; a sentence that leaves one out would let words and enforcement drift apart.
    """
    known = clause.words().keys()
    found: list[TextFault] = []
    for language in LANGUAGES:
        template = clause.text.get(language)
        if not template or not template.strip():
            found.append(TextFault(language, "text-missing", f"there is no text in {language}"))
            continue
        named = set(_PLACEHOLDER.findall(template))
        found += [
            TextFault(language, "text-without-parameter", f"the text leaves out {{{name}}}, which binds")
            for name in sorted(known - named - clause.unsaid())
        ]
        found += [
            TextFault(
                language, "unknown-placeholder", f"the text names {{{name}}}, which is no parameter of this clause"
            )
            for name in sorted(named - known)
        ]
    return found
