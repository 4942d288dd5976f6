"""The console's words in each language, and which language a person gets."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.reference import LANGUAGES, Language

_FOLDER = Path(__file__).parent / "locale"


class Catalogue:
    """The messages of one language, by dotted key. `{name}` in a message is replaced by that argument."""

    def __init__(self, language: Language, messages: Mapping[str, str]) -> None:
        self.language = language
        self._messages = messages

    def __call__(self, message: str, /, **arguments: object) -> str:
        """The message of a key. Raises KeyError for a key or an argument that is missing."""
        return self._messages[message].format(**arguments)

    def kind(self, kind: str) -> str:
        """The name of a clause kind; a kind without one goes by the word that documents use."""
        return self._messages.get(f"kind.{kind}", kind)

    def role(self, role: str) -> str:
        """The name of a person's role; one that nobody knows goes by the word that the account has."""
        return self._messages.get(f"role.{role}", role)

    def names(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._messages)


def load_catalogues() -> dict[Language, Catalogue]:
    """Read locale/*.toml."""
    return {
        language: Catalogue(language, _flat(tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))))
        for language in LANGUAGES
    }


def choose(cookie: str | None, account: Language | None, accept_language: str | None) -> Language:
    """What the person switched to, else the account's language, else what the browser prefers (RFC 9110, 12.5.4)."""
    if cookie in LANGUAGES:
        return "zh" if cookie == "zh" else "en"
    if account is not None:
        return account
    best: tuple[float, Language] = (0.0, "en")
    for item in (accept_language or "").split(","):
        tag, _, parameter = item.strip().partition(";")
        primary = tag.strip().lower().split("-")[0]
        quality = _quality(parameter)
        for language in LANGUAGES:
            if primary == language and quality > best[0]:
                best = (quality, language)
    return best[1]


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(1.0, max(0.0, float(value))) if name == "q" else 0.0
    except ValueError:
        return 0.0


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": str(value)}
    return found
