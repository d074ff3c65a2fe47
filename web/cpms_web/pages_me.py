"""The own account: profile, roles, security keys, and the sessions that are alive."""

from uuid import UUID

from cpms_core import Answer, Data, Page, Redirect, route
from cpms_core.access import could
from cpms_core.actor import Grant
from cpms_core.audit import Event
from cpms_core.http.visit import PageVisit
from cpms_core.identity.absence import find_absence
from cpms_core.identity.queries import read_account
from cpms_core.identity.sessions import end_own_session, end_own_sessions
from cpms_web.pages_api_tokens import token_cards
from cpms_web.pages_linked import linked_accounts
from cpms_web.pages_people import Names


@route("GET", "/me", permission="site.use", event=Event.PROFILE_READ)
def show_me(visit: PageVisit) -> Answer:
    account = read_account(visit.session, visit.actor, visit.site.settings)
    grants = visit.actor.grants
    names = Names(visit.session, {account.user.hcp_id, *(grant.hcp_id for grant in grants)})
    values = {
        "account": account,
        "centre": names.centre(account.user.hcp_id),
        "roles": sorted(_role(names, grant) for grant in grants),
        "tokens": token_cards(visit, visit.actor.user_id),
        "may_make_tokens": could(visit.actor, "site.work"),
        **linked_accounts(visit),
        "absence": find_absence(visit.session, visit.actor),
        "idle_minutes": visit.site.settings.idle_minutes,
        "session_hours": visit.site.settings.session_hours,
    }
    return Page(template="web/me.html", values=values)


@route("GET", "/me/session", permission="site.use", event=None)
def show_time_left(visit: PageVisit) -> Answer:
    """For idle.js. As any page it keeps the session alive, unless it is asked in the background."""
    return Data(value={"seconds": visit.seconds_left})


@route("POST", "/me/sessions/{session_id:uuid}/end", permission="site.use", event=Event.SIGNED_OUT)
def end_one(visit: PageVisit, session_id: UUID) -> Answer:
    end_own_session(visit.session, visit.actor, session_id)
    if session_id == visit.actor.session_id:
        visit.cookies_to_set[visit.site.session_cookie] = ""
        return Redirect("/sign-in")
    return Redirect("/me", "That session is ended.")


@route("POST", "/me/sessions/end-others", permission="site.use", event=Event.SIGNED_OUT)
def end_others(visit: PageVisit) -> Answer:
    end_own_sessions(visit.session, visit.actor, keep_this=True)
    return Redirect("/me", "You are signed in here only; every other session is ended.")


@route("POST", "/me/sessions/end-all", permission="site.use", event=Event.SIGNED_OUT)
def end_all(visit: PageVisit) -> Answer:
    end_own_sessions(visit.session, visit.actor, keep_this=False)
    visit.cookies_to_set[visit.site.session_cookie] = ""
    return Redirect("/sign-in")


def _role(names: Names, grant: Grant) -> str:
    """`health professional at FR10`, `coordinator of ERN ITHACA`."""
    centre = names.centre(grant.hcp_id)
    return f"{names.grant(grant)} at {centre.code}" if centre else names.grant(grant)


ROUTES = (show_me, show_time_left, end_one, end_others, end_all)
