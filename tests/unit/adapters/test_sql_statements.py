"""What no database at hand can show: how statements read."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from adapters.base import Compare, Operator
from adapters.sql_statements import statements
from tests.unit.adapters.calls import call, leaf

ID, NAME = leaf("id"), leaf("name", physical_name='Na"me')


def written(statement: sa.Select[Any], dialect: str) -> str:
    """The statement as that database is sent it."""
    return str(statement.compile(dialect=make_url(f"{dialect}://").get_dialect()()))


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_postgresql_orders_text_by_its_characters_whatever_collation_the_server_has(operator: Operator) -> None:
    asked = call("t", ID, ID, condition=Compare(operator, NAME, "m"))
    text = written(statements(asked, "postgresql").listing.page(None), "postgresql")
    assert f'(CAST("t"."Na""me" AS TEXT) COLLATE "C") {operator} ' in text


def test_an_equality_stands_where_an_index_can_serve_it() -> None:
    asked = call("t", ID, ID, condition=Compare("==", NAME, "m"))
    assert '"t"."Na""me" = %(' in written(statements(asked, "postgresql").listing.page(None), "postgresql")
    assert '("t"."Na""me" COLLATE "BINARY") = ?' in written(statements(asked, "sqlite").listing.page(None), "sqlite")


def test_only_granted_columns_and_the_key_are_named_in_the_select() -> None:
    asked = call("s.t", ID, NAME, condition=Compare("==", leaf("secret"), "m"))
    text = written(statements(asked, "sqlite").one, "sqlite")
    assert text.partition("\nFROM ")[0].strip() == 'SELECT "s"."t"."Na""me" AS f0, "s"."t"."id" AS k'
