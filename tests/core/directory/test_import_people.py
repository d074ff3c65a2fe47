"""Which lines about people are refused, and why."""

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.clock import clock
from cpms_core.directory.csv_import import apply_import, plan_import
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import RoleGrant, User
from cpms_core.identity.sessions import actor_for
from tests import factories

HEADER = "name,email,role,centre,ern,specialty\n"


def an_admin(session: Session) -> Actor:
    return actor_for(session, factories.make_user(session, role=Role.SYSTEM_ADMIN, hcp=None))


def told(session: Session, *lines: str) -> list[str]:
    """`verdict: why` of each line."""
    data = (HEADER + "\n".join(lines)).encode()
    plan = plan_import(session, an_admin(session), "people", data)
    return [f"{line.verdict}: {'; '.join(line.says)}" for line in plan.lines]


def test_each_line_that_does_not_fit_says_why(session: Session) -> None:
    session.scalars(select(Hcp).where(Hcp.code == "FR25")).one().closed_at = clock.now()
    found = told(
        session,
        "Eva Nová,eva,professional,FR10,,",
        "E,eva@example.org,professional,FR10,,",
        "Eva Nová,eva@example.org,king,FR10,,",
        "Eva Nová,eva@example.org,professional,,,",
        "Eva Nová,eva@example.org,professional,FR25,,",
        "Eva Nová,eva@example.org,coordinator,FR10,,",
        "Eva Nová,eva@example.org,coordinator,FR10,nowhere,",
        "Eva Nová,eva@example.org,professional,FR10,ithaca,",
        "=Eva,eva@example.org,professional,FR10,,",
        "Eva Nová,eva@example.org,professional,FR10,," + "x" * 121,
    )
    for line, why in zip(
        found,
        (
            *("address like", "full name", "no role “king”", "centre is missing", "is closed"),
            *("no ERN “”", "no ERN “nowhere”", "is of no ERN", "formula", "specialty is longer"),
        ),
        strict=True,
    ):
        assert line.startswith("refused: ") and why in line, line


def test_the_same_address_in_other_letters_is_the_same_person(session: Session) -> None:
    found = told(
        session,
        "Eva Nová,eva@example.org,professional,FR10,,",
        "Eva Nová,EVA@EXAMPLE.ORG,professional,FR10,,",
        "Eva Nová,\uff45va@example.org,professional,fr10,,",
        "Eva Nová,Eva@example.org,centre manager,FR10,,",
        "Jan Král,eva@Example.org,researcher,,ithaca,",
    )
    assert found[0] == "added: health professional at FR10"
    assert found[1] == found[2] == "refused: Line 2 says the same."
    assert found[3] == "changed: centre manager at FR10"
    assert found[4] == "refused: This address belongs to “Eva Nová”. Is it somebody else?"


def test_a_refused_line_does_not_stand_in_the_way_of_the_next(session: Session) -> None:
    found = told(
        session,
        "Eva Nová,eva@example.org,professional,XX99,,",
        "Eva Nová,eva@example.org,professional,FR10,,",
    )
    assert found[1].startswith("added")


def test_thousands_of_people_take_a_handful_of_statements(session: Session) -> None:
    lines = "".join(f"Person {n},p{n}@example.org,professional,FR10,,\n" for n in range(300))
    actor, data = an_admin(session), (HEADER + lines).encode()
    marks = plan_import(session, actor, "people", data).marks
    asked: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", count)
    plan, differing = apply_import(session, actor, "people", data, marks)
    event.remove(engine, "before_cursor_execute", count)
    assert not differing
    assert len(plan.of("added")) == 300
    assert session.scalar(select(RoleGrant.id).join(User).where(User.email == "p299@example.org"))
    assert len([one for one in asked if "audit_event" not in one]) < 30
