"""Commands start with what they need: nobody waits for a gateway to be imported who runs none."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

_ASKED = "import sys; {imports}; print(*sorted(set({unwanted}) & set(sys.modules)))"


def imported(imports: str, unwanted: tuple[str, ...]) -> list[str]:
    """Which of these modules a new process has after some imports."""
    code = _ASKED.format(imports=imports, unwanted=unwanted)
    arguments = [sys.executable, "-c", code]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_the_question_finds_what_is_imported() -> None:
    assert imported("import gateway.tlog.sequencer", ("gateway.tlog.feed", "litestar")) == ["gateway.tlog.feed"]


def test_help_needs_neither_the_state_store_nor_a_sequencer() -> None:
    unwanted = ("alembic", "gateway.app", "gateway.store.store", "gateway.tlog.sequencer", "litestar", "structlog")
    assert imported("import gateway.cli", unwanted) == []


@pytest.mark.parametrize("work", ["gateway.witness.watch", "gateway.witness.witness", "gateway.tlog.sequencing"])
def test_a_witness_and_a_lone_sequencer_need_no_gateway(work: str) -> None:
    unwanted = ("gateway.app", "gateway.console.routes", "gateway.exchange.serve", "litestar")
    assert imported(f"import gateway.commands.operator_log, {work}", unwanted) == []
