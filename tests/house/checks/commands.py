"""Reads the shell commands out of a README and runs them as written.

Every ```sh block is preceded by a comment, invisible to the reader, that says what the test does with it:

    <!-- run -->                   run it; it has to succeed
    <!-- start: some words -->     start it, go on once it has printed these words, end it when all is done
    <!-- not run: the reason -->   do not run it

A ```text block right after one that is run is what it prints: each of its lines has to appear, in order, where `...`
stands for anything.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

_BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n+)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_END = "---- end of block"


class Block(Struct, frozen=True):
    """One ```sh block: what to do with it, with which words, its commands and the output that the page promises."""

    action: str
    words: str
    commands: str
    promised: tuple[str, ...] = ()


def blocks(markdown: str) -> list[Block]:
    """The shell blocks of a page in order; `action` is run, start, not run, or unmarked."""
    found: list[Block] = []
    end = -1
    for match in _BLOCK.finditer(markdown):
        if match["kind"] == "sh":
            action, _, words = (match["mark"] or "unmarked").partition(": ")
            found.append(Block(action, words, match["text"]))
        elif match["kind"] == "text" and found and not markdown[end : match.start()].strip():
            last = found.pop()
            found.append(Block(last.action, last.words, last.commands, tuple(match["text"].splitlines())))
        end = match.end()
    return found


def badly_marked(found: list[Block]) -> list[str]:
    """Blocks that nobody decided about, or without the words that their mark needs."""
    faults = []
    for block in found:
        first = block.commands.partition("\n")[0]
        if block.action not in {"run", "start", "not run"}:
            faults.append(f"no mark before: {first}")
        elif block.action != "run" and not block.words:
            faults.append(f"`{block.action}` needs words, before: {first}")
    return faults


def script(found: list[Block], wait_s: int = 120) -> str:
    """One bash script of all blocks that are run or started: they share a shell, as in a reader's terminal."""
    lines = ["set -euo pipefail"]
    for number, block in enumerate(found):
        if block.action == "run":
            lines += [block.commands.rstrip()]
        elif block.action == "start":
            log = f"block-{number}.log"
            words = block.words.replace("'", "'\\''")
            lines += [
                f"(\n{block.commands.rstrip()}\n) >{log} 2>&1 &",
                "started=$!",
                f"for _ in $(seq {wait_s * 10}); do",
                f"  if grep -qF -- '{words}' {log} || ! kill -0 $started 2>/dev/null; then break; fi; sleep 0.1",
                "done",
                f"grep -qF -- '{words}' {log} || {{ cat {log}; exit 1; }}",
            ]
        lines.append(f"echo; echo '{_END} {number}'")
    return "\n".join(lines) + "\n"


def run(found: list[Block], folder: Path, environment: Mapping[str, str], timeout_s: int) -> list[str]:
    """Run the blocks in a folder and say what did not go as the page promises. Everything started is ended."""
    process = subprocess.Popen(
        ["bash", "-c", script(found)],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end_group(process.pid)
        output, _ = process.communicate()
        return [f"not done after {timeout_s} s:\n{output[-2000:]}"]
    finally:
        _end_group(process.pid)
    faults = [] if process.returncode == 0 else [f"exit {process.returncode}:\n{output[-2000:]}"]
    return faults + broken_promises(found, output)


def broken_promises(found: list[Block], output: str) -> list[str]:
    """Promised lines that the blocks' output lacks, in order."""
    faults = []
    rest = output
    for number, block in enumerate(found):
        said, _, rest = rest.partition(f"{_END} {number}\n")
        printed = iter(said.splitlines())
        for line in filter(str.strip, block.promised):
            if not any(_agrees(line, other) for other in printed):
                faults.append(f"not printed by `{block.commands.strip()}`: {line}")
                break
    return faults


def _agrees(promised: str, printed: str) -> bool:
    parts = [re.escape(part) for part in promised.strip().split("...")]
    return re.fullmatch(".*".join(parts), printed.strip()) is not None


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGTERM)
    except ProcessLookupError:
        return
