"""What the tally makes of calls of partners: the same live as from the log, and no change left open."""

from pathlib import Path

from gateway.audit.leaf import Intent
from gateway.audit.reader import read_counted
from gateway.sla.tally import Tally
from tests.unit.outbound.partner_api import says
from tests.unit.outbound.stage import Stage, staged


def unfinished(stage: Stage) -> int:
    account = Tally(stage.plans).replay(read_counted(stage.folder)).of(stage.plans.of_partner("swift")[0])
    assert account is not None
    return account.unfinished


async def test_a_change_whose_call_is_on_the_log_is_finished_and_one_without_is_not(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/quotes"] = says({"price": "1.00"})
        await stage.quote()
        stage.api.usual["/quotes"] = says({}, 500)
        await stage.quote()
        assert unfinished(stage) == 0
        intent = next(entry for entry in stage.entries() if isinstance(entry, Intent))
        lost = Intent(**{name: getattr(intent, name) for name in intent.__struct_fields__} | {"request_id": "lost"})
        await stage.writer.append_durable(lost)
        assert unfinished(stage) == 1
