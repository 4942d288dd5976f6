"""How `clausegate keys certificates` shows what the hub itself relies on, and what of it cannot be read."""

import time
from typing import Any

from rich.markup import escape

from gateway.commands.tables import print_rows, table
from gateway.commands.terminal import err, print_json, printable
from gateway.credentials.relied_on import Reading, Relied
from gateway.credentials.shown import rfc3339

_DAY_S = 86_400


def shown_certificates(found: Reading, *, as_json: bool) -> None:
    """Each certificate in a line, as its file has it; files that cannot be read beside them, on standard error."""
    if as_json:
        unreadable = [{"kind": each.kind, "setting": each.setting} for each in found.unreadable]
        print_json({"certificates": [_facts(each) for each in found.certificates], "unreadable": unreadable})
        return
    rows = table("kind", "setting", "subject", "begins", "ends", "in days", "thumbprint")
    now_s = time.time()
    for each in found.certificates:
        days = str(int((each.ends_s - now_s) // _DAY_S)) if each.ends_s > now_s else "ended"
        times = (rfc3339(each.begins_s), rfc3339(each.ends_s))
        cells = (each.place.kind, each.place.setting, each.subject, *times, days, each.thumbprint)
        rows.add_row(*(escape(printable(cell)) for cell in cells))
    for place in found.unreadable:
        err().print(
            f"{place.setting}: the file cannot be read as certificates, or there is no key that is theirs", markup=False
        )
    if found.certificates or not found.unreadable:
        print_rows(rows, "There is none: neither clausegate.toml nor backends.toml names a file of certificates.")


def _facts(relied: Relied) -> dict[str, Any]:
    return {
        "kind": relied.place.kind,
        "setting": relied.place.setting,
        "subject": relied.subject,
        "thumbprint": relied.thumbprint,
        "begins": rfc3339(relied.begins_s),
        "expires": rfc3339(relied.ends_s),
    }
