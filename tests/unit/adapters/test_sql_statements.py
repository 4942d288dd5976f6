"""What no database at hand can show: how statements read."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from adapters.base import Compare, Operator
from adapters.sql_statements import statements
from tests.unit.adapters.calls import call, leaf

ID, NAME = leaf("id"), leaf("name", physical_name='Na"me')


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_postgresql_orders_text_by_its_characters_whatever_collation_the_server_has(operator: Operator) -> None:
    asked = call("t", ID, ID, condition=Compare(operator, NAME, "m"))
    text = str(statements(asked, "postgresql").first.compile(dialect=postgresql.dialect()))
    assert f'("t"."Na""me" COLLATE "C") {operator} ' in text


def test_an_equality_stands_where_an_index_can_serve_it() -> None:
    asked = call("t", ID, ID, condition=Compare("==", NAME, "m"))
    assert '"t"."Na""me" = %(' in str(statements(asked, "postgresql").first.compile(dialect=postgresql.dialect()))
    assert '("t"."Na""me" COLLATE "BINARY") = ?' in str(
        statements(asked, "sqlite").first.compile(dialect=sqlite.dialect())
    )


def test_only_granted_columns_and_the_key_are_named_in_the_select() -> None:
    asked = call("s.t", ID, NAME, condition=Compare("==", leaf("secret"), "m"))
    text = str(statements(asked, "sqlite").one.compile(dialect=sqlite.dialect()))
    assert text.partition("\nFROM ")[0] == 'SELECT "s"."t"."Na""me" AS f0, "s"."t"."id" AS k'
