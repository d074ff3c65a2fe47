"""The ceremony of a step-up: a touch of the own key for one act."""

from uuid import UUID

from cpms_core import Answer, Data, route
from cpms_core.audit import Event, record
from cpms_core.errors import InvalidError
from cpms_core.http.visit import PageVisit
from cpms_core.identity.step_up import begin_step_up, finish_step_up
from cpms_web.ceremony_json import answered, ceremony_json, text_of


@route("POST", "/step-up/begin", permission="site.use", event=Event.CHALLENGED, rate="ceremony")
def begin(visit: PageVisit) -> Answer:
    act, subject_id = _act(visit)
    begun = begin_step_up(visit.session, visit.site.key_policy, visit.actor, act, subject_id)
    record(visit.session, visit.actor, Event.CHALLENGED)
    return Data(value=ceremony_json(begun))


@route("POST", "/step-up/finish", permission="site.use", event=Event.STEPPED_UP, rate="ceremony")
def finish(visit: PageVisit) -> Answer:
    act, subject_id = _act(visit)
    challenge_id, answer = answered(visit)
    finish_step_up(
        visit.session, visit.site.key_policy, visit.actor, act, subject_id, challenge_id, answer
    )
    return Data(value={})


def _act(visit: PageVisit) -> tuple[str, UUID | None]:
    """One of the acts that routes declare, and whom or what it is done to."""
    act, subject = (text_of(visit.incoming.json, name) for name in ("_act", "_subject"))
    if act not in {one.step_up for _, one in visit.site.registry.routes}:
        raise InvalidError("The browser sent something unexpected. Please reload the page.")
    try:
        return act, UUID(subject) if subject else None
    except ValueError as error:
        raise InvalidError("The browser sent something unexpected. Please reload.") from error


ROUTES = (begin, finish)
