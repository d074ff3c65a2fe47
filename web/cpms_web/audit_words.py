"""What the audit's tags mean, in the words of the pages."""

from collections.abc import Mapping
from typing import Any, Final

from cpms_core.actor import ROLE_TITLES
from cpms_core.audit import Event
from cpms_core.words import words

WORDS: Final[Mapping[Event, str]] = {
    Event.SIGNED_IN: "signed in",
    Event.SIGNED_OUT: "signed out, or ended a session",
    Event.STEPPED_UP: "touched the key to confirm an act",
    Event.SIGN_IN_REFUSED: "was refused at signing in",
    Event.LINK_OPENED: "opened an enrolment link",
    Event.LINK_RENEWED: "made a new enrolment link",
    Event.KEY_ENROLLED: "enrolled a security key",
    Event.KEY_REFUSED: "tried a security key that was refused",
    Event.KEY_RENAMED: "gave a security key another name",
    Event.KEY_REMOVED: "removed a security key",
    Event.KEY_FLAGGED: "a security key was locked: it may have been copied",
    Event.PERSON_JOINED: "joined, with a key and no role",
    Event.PERSON_REMOVED: "an account that never had a role was removed",
    Event.PERSON_INVITED: "invited a person",
    Event.PERSON_DISABLED: "ended a person's access",
    Event.PERSON_ENABLED: "let a person back in",
    Event.HANDOVER_READ: "looked at what a person would leave behind",
    Event.HANDED_OVER: "handed over what a person leaves behind",
    Event.DEPUTY_NAMED: "named a deputy for the own absence",
    Event.DEPUTY_ENDED: "ended the own absence",
    Event.PROFILE_READ: "looked at the own profile",
    Event.PREFERENCES_SAVED: "changed the own preferences",
    Event.PEOPLE_LISTED: "looked at the list of people",
    Event.PERSON_READ: "looked at a person's roles and keys",
    Event.ROLE_GRANTED: "granted a role",
    Event.ROLE_REVOKED: "took a role away",
    Event.OPENID_BEGUN: "began to link an account at a sign-in provider",
    Event.OPENID_NAMED: "a sign-in provider named this account; the key was still to come",
    Event.OPENID_REFUSED: "came back from a sign-in provider and was refused",
    Event.OPENID_LINKED: "linked an account at a sign-in provider",
    Event.OPENID_UNLINKED: "unlinked an account at a sign-in provider",
    Event.RECOVERY_STARTED: "began to replace a person's keys",
    Event.RECOVERY_CONFIRMED: "confirmed who a person is, and replaced their keys",
    Event.RECOVERY_GIVEN_UP: "gave up replacing a person's keys",
    Event.RECOVERY_CODES_MADE: "made new recovery codes",
    Event.TOKEN_MADE: "made a token for a machine",
    Event.TOKEN_REVOKED: "revoked a token for a machine",
    Event.KEY_MODELS_IMPORTED: "imported the list of key models",
    Event.ACCESS_LISTED: "looked at requests for access",
    Event.ACCESS_READ: "read a request for access",
    Event.ACCESS_REMINDED: "a request for access waited too long",
    Event.ACCESS_REQUESTED: "requested access",
    Event.ACCESS_ENDORSED: "endorsed a request for access",
    Event.ACCESS_ASKED_BACK: "asked something about a request for access",
    Event.ACCESS_ANSWERED: "answered about the own request for access",
    Event.ACCESS_CODE_WRONG: "entered a wrong code for a request for access",
    Event.ACCESS_APPROVED: "approved a request for access",
    Event.ACCESS_REFUSED: "refused a request for access",
    Event.ACCESS_WITHDRAWN: "withdrew the own request for access",
    Event.CENTRE_ADDED: "added a centre",
    Event.CENTRE_CHANGED: "changed a centre's name or city",
    Event.CENTRE_CLOSED: "closed a centre",
    Event.CENTRE_REOPENED: "opened a closed centre again",
    Event.COUNTRY_ADDED: "added a country",
    Event.ERN_ADDED: "added a temporary network",
    Event.ERN_CHANGED: "changed the last day of a temporary network",
    Event.IMPORT_CHECKED: "tried an import, which changed nothing",
    Event.IMPORT_APPLIED: "imported people or centres from a file",
    Event.PLUGINS_LISTED: "looked at the plugins",
    Event.PLUGIN_ENABLED: "switched a plugin on",
    Event.PLUGIN_DISABLED: "switched a plugin off",
    Event.AUDIT_READ: "read the audit",
    Event.AUDIT_EXPORTED: "exported the audit",
    Event.HOME_READ: "opened Home",
    Event.HELP_READ: "read the help",
    Event.TERMS_SEARCHED: "searched coded terms",
    Event.SEARCHED: "searched the site",
    Event.CHALLENGED: "began a key ceremony",
    Event.CENTRE_READ: "looked at the centre's patients and cases",
    Event.PATIENT_ENROLLED: "enrolled a patient",
    Event.PATIENT_READ: "looked at a patient",
    Event.IDENTITY_READ: "looked up who a patient is",
    Event.CONSENT_RECORDED: "recorded a consent",
    Event.RECEIPT_READ: "looked at the receipt of a withdrawal",
    Event.PATIENT_CORRECTED: "corrected a patient's data",
    Event.RETENTION_CHANGED: "decided how long a patient is kept",
    Event.PATIENT_COPIED: "took a copy of all data of a patient",
    Event.PATIENT_ERASED: "erased a patient",
    Event.PATIENTS_MERGED: "joined two enrolments of one patient",
    Event.CONSENT_WITHDRAWN: "withdrew a consent",
    Event.PATIENT_RESTRICTED: "restricted a patient to a care team",
    Event.PATIENT_UNRESTRICTED: "opened a restricted patient to the centre again",
    Event.TEAM_JOINED: "added somebody to a care team",
    Event.TEAM_LEFT: "removed somebody from a care team",
    Event.TEAM_RENEWED: "named a new care team, for nobody was left",
    Event.EMERGENCY_BEGUN: "opened a patient in an emergency",
    Event.EMERGENCY_SOUGHT: "looked for a patient in an emergency; nothing was opened",
    Event.EMERGENCY_READ: "looked at what was opened in an emergency",
    Event.EMERGENCY_SEEN: "has seen that a patient was opened in an emergency",
    Event.PATIENT_MOVED: "a patient moved to another centre",
    Event.TRANSFER_PROPOSED: "proposed to move a patient to another centre",
    Event.TRANSFER_READ: "looked at a patient who is to move to another centre",
    Event.TRANSFER_TAKEN_BACK: "took back that a patient moves",
    Event.TRANSFER_ACCEPTED: "took over a patient of another centre",
    Event.TRANSFER_REFUSED: "did not take over a patient of another centre",
    Event.CASES_LISTED: "listed cases for a machine",
    Event.CASE_OPENED: "opened a new case",
    Event.CASE_READ: "read a case",
    Event.CASE_IMPORTED: "imported a case",
    Event.CASE_EXPORTED: "exported a case",
    Event.CASE_WITHDRAWN: "withdrew a case",
    Event.CASE_HANDED_OVER: "gave a case to a successor",
    Event.RECORD_READ: "read a form",
    Event.RECORD_SAVED: "saved a form",
    Event.RECORD_DRAFTED: "typed into a form",
    Event.RECORD_DRAFT_DROPPED: "dropped what was typed into a form",
    Event.ATTACHMENT_ADDED: "added a file",
    Event.ATTACHMENT_REFUSED: "sent a file that was refused",
    Event.ATTACHMENT_READ: "opened a file",
    Event.ATTACHMENT_REMOVED: "removed a file",
    Event.ATTACHMENT_RELEASED: "released a file that was held back",
    Event.ATTACHMENT_DESCRIBED: "said whether a face is on a photo",
    Event.IMAGES_VIEWED: "viewed images",
    Event.ERN_READ: "looked at the ERN's requests",
    Event.MEMBERSHIP_CHANGED: "changed whether a centre belongs to an ERN",
    Event.AREA_CHANGED: "changed an ERN's thematic areas",
    Event.GROUPS_READ: "looked at an ERN's expert groups",
    Event.GROUP_MADE: "made an expert group",
    Event.GROUP_CHANGED: "changed an expert group",
    Event.GROUP_ENDED: "ended an expert group",
    Event.REQUEST_SUBMITTED: "sent a request to an ERN",
    Event.REQUEST_RETURNED: "returned a request",
    Event.REQUEST_FORWARDED: "forwarded a request to another ERN",
    Event.NETWORK_CONFIGURED: "changed how a network works",
    Event.ANOTHER_ERN_ASKED: "asked another ERN to join",
    Event.PANEL_SHARED: "joined a panel that several ERNs share",
    Event.REQUEST_DECLINED: "declined a request",
    Event.LEAD_NAMED: "named a panel lead",
    Event.EXPERT_INVITED: "invited an expert to a panel",
    Event.GUEST_INVITED: "invited a guest to a panel",
    Event.GUEST_EXTENDED: "changed until when a guest is on a panel",
    Event.MEMBER_OFFERED: "offered to take part in a panel",
    Event.NOTICE_ENDED: "did not want to be told of a case in an area",
    Event.NOTICE_RENEWED: "wanted to be told of a case in an area again",
    Event.OFFER_ANSWERED: "answered an offer to take part in a panel",
    Event.MEMBER_REMINDED: "an invitation waited too long",
    Event.INVITATION_ANSWERED: "answered an invitation to a panel",
    Event.MEMBER_REMOVED: "removed a member from a panel",
    Event.LEAD_CHANGED: "named another panel lead",
    Event.CONTRIBUTION_CHANGED: "changed a contribution",
    Event.QUESTION_ASKED: "asked the submitter something",
    Event.QUESTION_WAITED_FOR: "decided to wait for an answer of the submitter",
    Event.QUESTION_ANSWERED: "answered a panel's question",
    Event.QUESTION_TAKEN_BACK: "took back a question to the submitter",
    Event.PANEL_SEEN: "marked a discussion as read",
    Event.PANEL_ESCALATED: "a panel was late",
    Event.REQUEST_ESCALATED: "a request waited too long for its triage",
    Event.CONTRIBUTED: "gave a contribution",
    Event.STAGE_CHANGED: "moved a panel to another stage",
    Event.OUTCOME_DRAFTED: "drafted the outcome",
    Event.OUTCOME_PUT_TO_MEMBERS: "put the outcome to the members",
    Event.OUTCOME_TAKEN_BACK: "took the outcome back to change it",
    Event.POSITION_GIVEN: "gave a position on the outcome",
    Event.OUTCOME_SIGNED: "signed the outcome",
    Event.OUTCOME_READ: "read the outcome",
    Event.LETTER_READ: "read a letter of an outcome",
    Event.FOLLOW_UP_ANSWERED: "told what became of the advice",
    Event.REOPENING_ASKED: "asked to reopen a panel",
    Event.REOPENING_DECIDED: "decided on reopening a panel",
    Event.OUTCOME_VERIFIED: "verified an outcome",
    Event.REPORT_READ: "read a report",
    Event.REPORT_EXPORTED: "exported a report",
    Event.BACKUP_MADE: "made a backup of the site",
    Event.BACKUP_RESTORED: "restored the site from a backup",
    Event.DENIED: "was denied",
}

SOURCES: Final[Mapping[str, str]] = {
    "site": "The site: sign-in, people, plugins",
    "centre": "Patients, identities, consents",
    "case": "Cases, forms, files",
    "ern": "Requests to an ERN",
    "panel": "Panels and outcomes",
    "report": "Reports",
}


def in_words(tag: str) -> str:
    """A plugin's own tag is shown as its parts: `reporting: table exported`."""
    known: Mapping[str, str] = {str(event): text for event, text in WORDS.items()}
    if tag in known:
        return known[tag]
    source, _, act = tag.partition(":")
    return f"{words(source)}: {words(act.replace(':', ' ')).lower()}"


def details_in_words(detail: Mapping[str, Any]) -> str:
    """`role coordinator, page 2`: keys, counts and stages; the audit holds nothing else."""
    shown = dict(detail)
    if "token" in shown:
        shown["token"] = f"\N{HORIZONTAL ELLIPSIS}{token_mark(shown['token'])}"
    return ", ".join(f"{words(key).lower()} {_value(value)}" for key, value in shown.items())


def roles_in_words(roles: str) -> str:
    """The roles the actor held at that time."""
    titles: Mapping[str, str] = {str(role): title for role, title in ROLE_TITLES.items()}
    return ", ".join(titles.get(role, role) for role in roles.split(", ") if role)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ")


def token_mark(token_id: object) -> str:
    """How a token is called where its name is not known: the end of its id."""
    return str(token_id)[-6:]
