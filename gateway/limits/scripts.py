"""The scripts that run inside the shared store, one .lua file each beside this one.

A file whose name begins with an underscore is no script: it stands in those that say `-- include` and its name.
"""

import hashlib
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

_FOLDER: Final = Path(__file__).parent
_INCLUDE: Final = re.compile(r"^-- include (\w+)$", re.MULTILINE)
SCRIPTS: Final = tuple(sorted(path.stem for path in _FOLDER.glob("[!_]*.lua")))
"""Their names."""


class Script(Struct, frozen=True, gc=False):
    """A script's text and the SHA-1 that EVALSHA names it by."""

    text: str
    sha: str


@lru_cache(maxsize=256)
def script_for(name: str, server: str) -> Script:
    """The script `name` for one process of a server.

    The process's run id is part of the text: a server that was restarted or replaced does not know the script, by any
    worker that has not yet noticed. So NOSCRIPT is the notice that the counters may not be those it knows.
    """
    text = f"-- {server}\n{_text(name)}"
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def _text(name: str) -> str:
    text = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda match: _text(match[1]).rstrip(), text)
