"""A store that fails at one table, as a full or a broken one would."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from tests.site import TestSite


@contextmanager
def refusing(site: TestSite, table: str) -> Iterator[None]:
    """The store fails at each new row of this table."""
    is_sqlite = site.engine.dialect.name == "sqlite"
    refuse = "BEGIN SELECT RAISE(ABORT, 'no'); END" if is_sqlite else "EXECUTE FUNCTION refuse()"
    with site.transaction() as session:
        if not is_sqlite:
            body = "BEGIN RAISE EXCEPTION 'no'; END"
            function = f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS '{body}'"
            session.execute(text(function.replace("'no'", "''no''")))
        each = "" if is_sqlite else "FOR EACH ROW "
        session.execute(text(f"CREATE TRIGGER refusing BEFORE INSERT ON {table} {each}{refuse}"))
    yield
    with site.transaction() as session:
        on = "" if is_sqlite else f" ON {table}"
        session.execute(text(f"DROP TRIGGER refusing{on}"))
        if not is_sqlite:
            session.execute(text("DROP FUNCTION refuse()"))
