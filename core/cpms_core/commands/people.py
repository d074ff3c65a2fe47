"""`people invite|list|new-link|disable`: the pages' services from the server's own console."""

import argparse

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Role
from cpms_core.audit import Event
from cpms_core.commands import CONSOLE, Commands, Options, importing, opened
from cpms_core.db import transaction
from cpms_core.directory.centres import ensure_open
from cpms_core.directory.models import Ern, Hcp
from cpms_core.errors import CpmsError
from cpms_core.identity.models import User
from cpms_core.identity.people import (
    NewPerson,
    Ticket,
    disable_person,
    invite_person,
    replace_keys,
)
from cpms_core.identity.spelling import normal_email
from cpms_core.keys import load_site_key
from cpms_core.settings import Site


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    people = commands.add_parser("people", help="invite, list or disable people")
    acts = people.add_subparsers(required=True, metavar="ACT")
    invite = acts.add_parser("invite", parents=[common], help="make a link that enrols a key")
    invite.add_argument("email")
    invite.add_argument("--name", required=True)
    invite.add_argument("--role", choices=list(Role), default=Role.PROFESSIONAL)
    invite.add_argument("--hcp", metavar="CODE", help="code of the centre, FR10 for instance")
    invite.add_argument("--ern", metavar="ERN", help="short name of the ERN, ithaca for instance")
    invite.set_defaults(run=invite_one)
    acts.add_parser("list", parents=[common], help="one address a line").set_defaults(
        run=list_people
    )
    link = acts.add_parser("new-link", parents=[common], help="for a person whose key is lost")
    link.add_argument("email")
    link.set_defaults(run=make_link)
    disable = acts.add_parser("disable", parents=[common], help="end an account's access")
    disable.add_argument("email")
    disable.set_defaults(run=disable_one)
    importing.add_import(acts, common, "people")


def invite_one(options: Options) -> int:
    with opened(options.data) as (site, engine), transaction(engine) as session:
        key = load_site_key(site.site_key_path, site.settings.site_key_command)
        hcp = session.scalar(select(Hcp).where(Hcp.code == options.hcp)) if options.hcp else None
        if options.hcp and hcp is None:
            raise CpmsError(f"There is no centre {options.hcp}.")
        if hcp:
            ensure_open(hcp)
        if options.ern and session.get(Ern, options.ern) is None:
            raise CpmsError(f"There is no ERN {options.ern}.")
        new = NewPerson(
            email=options.email,
            name=options.name,
            role=Role(options.role),
            hcp_id=hcp.id if hcp else None,
            ern_id=options.ern,
        )
        ticket = invite_person(session, CONSOLE, key, new)
    _print_ticket(site, ticket)
    return 0


def make_link(options: Options) -> int:
    """Without a second person: for a site that has nobody else who could help on the page."""
    with opened(options.data) as (site, engine), transaction(engine) as session:
        key = load_site_key(site.site_key_path, site.settings.site_key_command)
        user = user_by_email(session, options.email)
        if user.disabled_at:
            raise CpmsError("This person's account is disabled.")
        audit.record(session, None, Event.LINK_RENEWED, subject_id=user.id, hcp_id=user.hcp_id)
        ticket = replace_keys(session, key, user, by=None)
    _print_ticket(site, ticket)
    return 0


def list_people(options: Options) -> int:
    with opened(options.data) as (_, engine), transaction(engine, read_only=True) as session:
        for email in session.scalars(select(User.email).order_by(User.email)):
            print(email)
    return 0


def disable_one(options: Options) -> int:
    with opened(options.data) as (_, engine), transaction(engine) as session:
        user = user_by_email(session, options.email)
        disable_person(session, CONSOLE, user.id)
    print(f"{user.email} can no longer sign in; every session is ended.")
    return 0


def _print_ticket(site: Site, ticket: Ticket) -> None:
    if not ticket.token:
        print("This person has a key already and signs in with it; the role is given.")
        return
    print(f"{site.settings.base_url}/enrol/{ticket.token}")
    print(f"Code, by another way: {ticket.code}")


def user_by_email(session: Session, email: str) -> User:
    user = session.scalar(select(User).where(User.email == normal_email(email)))
    if user is None:
        raise CpmsError(f"There is nobody with the address {email}.")
    return user
