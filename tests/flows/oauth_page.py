"""docs/partners/oauth.md as tests read it: its examples, by language, in the order in which a developer meets them."""

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "partners" / "oauth.md").read_text()
_BASIC, _BANK = "## Basic tier", "## Bank tier"


def examples(language: str, text: str = PAGE) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def basic_tier() -> list[str]:
    """What a client with a secret does in a shell: get a token, and call."""
    return examples("bash", PAGE[PAGE.index(_BASIC) : PAGE.index(_BANK)])


def bank_tier() -> list[str]:
    """What a client with a key does in a shell, from making the key to another one, and the operator in between."""
    registering, *_ = examples("sh")
    steps = re.findall(r"^```(?:bash|sh)\n(.*?)^```$", PAGE[PAGE.index(_BANK) :], re.DOTALL | re.MULTILINE)
    return [step for step in steps if step == registering or step not in examples("sh")]


def with_certificate() -> str:
    """What a client with a certificate does in a shell."""
    _, calling = examples("sh")
    return calling
