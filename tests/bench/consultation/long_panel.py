"""A panel that many have written to for weeks: what its page and its saves are measured on."""

import random
from datetime import timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from cpms_core import Term
from cpms_core.cases.models import Attachment, Facet
from cpms_core.clock import clock
from cpms_core.panels.discussion import opinion
from cpms_core.panels.models import Contribution
from tests.bench import words
from tests.web.world import World

_AUTHORS = ("lead", "member", "guest on the panel")
_KBG = Term("orpha", "ORPHA:2332", "KBG syndrome")
_CORNELIA = Term("orpha", "ORPHA:199", "Cornelia de Lange syndrome")


def lengthen(world: World, contributions: int, attachments: int, seed: int = 7) -> None:
    """Until the panel has so many of each; one contribution in five is a reply."""
    chance = random.Random(seed)  # noqa: S311 - invented data, not a secret
    panel_id, case_id = UUID(world.values["panel_id"]), UUID(world.values["case_id"])
    began = clock.now() - timedelta(days=20)
    with world.site.transaction() as session:
        session.execute(update(Contribution).values(given_at=began))
        top: list[UUID] = [UUID(world.values["contribution_id"])]
        for number in range(contributions - 2):
            is_reply = number % 5 == 4
            given = Contribution(
                panel_id=panel_id,
                author_id=world.id_of(chance.choice(_AUTHORS)),
                kind="reply" if is_reply else "opinion",
                reply_to=chance.choice(top[-10:]) if is_reply else None,
                given_at=began + timedelta(minutes=90 * (number + 1)),
                **opinion.columns_of(_opinion(chance, is_reply=is_reply)),
            )
            session.add(given)
            session.flush()
            if not is_reply:
                top.append(given.id)
        _attach(session, world, case_id, attachments - 2)


def _opinion(chance: random.Random, *, is_reply: bool) -> opinion.Opinion:
    text = " ".join(chance.choices(words.OPINIONS, k=chance.randint(1, 3)))
    if is_reply or chance.random() < 0.5:
        return opinion.Opinion(text=text)
    return opinion.Opinion(
        text=text,
        certainty=chance.choice(("sure", "fairly_sure", "unsure")),
        differential=(
            opinion.Weighed(diagnosis=_KBG, why="Macrodontia and the growth curve."),
            opinion.Weighed(diagnosis=_CORNELIA),
        ),
        tests=("MLPA or targeted array of 16q24.3", "Radiograph of the left hand"),
        needs="A radiograph of the hand for the bone age" if chance.random() < 0.3 else "",
    )


def _attach(session: Session, world: World, case_id: UUID, count: int) -> None:
    """Half photos, half images of one study; their content is that of the first ones."""
    for number in range(count):
        like = world.image if number % 2 else world.photo
        one = Attachment(
            case_id=case_id,
            added_by=world.id_of("professional"),
            name=f"{like.name.partition(' ')[0]} {number + 2}",
            group=like.group,
            sha256=like.sha256,
            size=like.size,
            media_type=like.media_type,
            viewer=like.viewer,
        )
        if number % 2:
            one.facets = [Facet(key="modality", value="MR"), Facet(key="frames", value="1")]
        session.add(one)
