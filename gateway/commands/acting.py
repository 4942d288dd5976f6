"""Who runs a command, as records and the state store name them."""

import os
import pwd

_CHARACTERS_MAX = 64


def account() -> str:
    """The account of the operating system, which nothing proves; its number where it has no name, as in containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name[:_CHARACTERS_MAX]
    except KeyError:
        return str(os.getuid())
