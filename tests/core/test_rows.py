"""Rows as typed structs, the same from either engine."""

from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Engine, bindparam, false, select

from cpms_core.db import transaction
from cpms_core.directory.models import Country, Ern
from cpms_core.identity.models import User
from cpms_core.rows import fetch, fetch_together
from tests import factories
from tests.counting import statements

PEOPLE = (
    select(
        *(User.id, User.name, User.created_at, User.disabled_at),
        (User.name == "Ada").label("is_ada"),
    )
    .where(User.name != bindparam("unwanted"))
    .order_by(User.name.desc())
)


class Person(Struct, array_like=True):
    id: UUID
    name: str
    created_at: datetime
    disabled_at: datetime | None
    is_ada: bool


def test_rows_have_their_types_and_their_order(engine: Engine) -> None:
    with transaction(engine) as session:
        made = {
            name: factories.make_user(session, name=name)
            for name in ("Ada", "Žofie “x” \\ Ανδρέας", "Bo")
        }
        made["Bo"].disabled_at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    with transaction(engine, read_only=True) as session:
        found = fetch(session.connection(), PEOPLE, Person, {"unwanted": "nobody"})
    assert [person.name for person in found] == ["Žofie “x” \\ Ανδρέας", "Bo", "Ada"]
    for person in found:
        user = made[person.name]
        assert (person.id, person.created_at) == (user.id, user.created_at)
        assert person.disabled_at == user.disabled_at
        assert person.is_ada is (person.name == "Ada")


def test_no_rows_are_an_empty_list(engine: Engine) -> None:
    class Row(Struct, array_like=True):
        id: str

    with transaction(engine, read_only=True) as session:
        connection = session.connection()
        assert fetch(connection, select(Ern.id).where(false()), Row, {}) == []
        assert len(fetch(connection, select(Country.id), Row, {})) > 20


def test_several_queries_are_read_in_one_statement_each_with_its_own_rows(engine: Engine) -> None:
    nobody = select(Ern.id).where(false())
    with transaction(engine) as session:
        away = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        user = factories.make_user(session, name="null", disabled_at=away)
    with transaction(engine, read_only=True) as session, statements(engine) as sent:
        found = fetch_together(session.connection(), (nobody, PEOPLE), {"unwanted": "Ada"})
    assert sum(one.startswith("SELECT") for one in sent) == 1
    nothing, [person] = found
    assert nothing == []
    assert (person.id, person.name, person.created_at) == (user.id, "null", user.created_at)
    assert (person.disabled_at, person.is_ada) == (away, False)
