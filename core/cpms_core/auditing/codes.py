"""What each of our events is in DICOM's words: PS3.15 section A.5, codes of PS3.16.

One table for all of them. The event's own tag goes into each message too, so nothing is lost where
DICOM has no word for it.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from cpms_core.audit import Event


class Code(Struct, frozen=True):
    event: str
    """EventID, a code of DCM."""
    action: str
    """Create, Read, Update, Delete or Execute."""
    outcome: int = 0
    """0 success, 4 minor failure, 8 serious failure."""
    kind: str = ""
    """EventTypeCode, a code of DCM, where it has one."""


_ACTIVITY, _LOG_USED, _INSTANCES = "110100", "110101", "110103"
_EXPORT, _IMPORT, _ORDER, _PATIENT = "110106", "110107", "110109", "110110"
_PROCEDURE, _QUERY, _ALERT, _SIGN_IN = "110111", "110112", "110113", "110114"
_LOGIN, _LOGOUT, _CONFIGURED, _RIGHTS = "110122", "110123", "110131", "110136"
_RESTRICTED, _PERSON_CHANGED = "110132", "110137"
_EMERGENCY = "110127"

TITLES: Final[Mapping[str, str]] = {
    _ACTIVITY: "Application Activity",
    _LOG_USED: "Audit Log Used",
    _INSTANCES: "DICOM Instances Accessed",
    _EXPORT: "Export",
    _IMPORT: "Import",
    _ORDER: "Order Record",
    _PATIENT: "Patient Record",
    _PROCEDURE: "Procedure Record",
    _QUERY: "Query",
    _ALERT: "Security Alert",
    _SIGN_IN: "User Authentication",
    _LOGIN: "Login",
    _LOGOUT: "Logout",
    _CONFIGURED: "Software Configuration",
    _RESTRICTED: "Use of Restricted Function",
    _RIGHTS: "Security Roles Changed",
    _EMERGENCY: "Emergency Override Started",
    _PERSON_CHANGED: "User Security Attributes Changed",
}
"""The code meanings that go with the codes."""

DEFAULT: Final = Code(_ACTIVITY, "E")
"""For a plugin's own tags."""

E = Event

CODES: Final[Mapping[Event, Code]] = {
    E.SIGNED_IN: Code(_SIGN_IN, "E", kind=_LOGIN),
    E.SIGNED_OUT: Code(_SIGN_IN, "E", kind=_LOGOUT),
    E.STEPPED_UP: Code(_SIGN_IN, "E", kind=_LOGIN),
    E.SIGN_IN_REFUSED: Code(_SIGN_IN, "E", 4, _LOGIN),
    E.CHALLENGED: Code(_SIGN_IN, "E"),
    E.LINK_OPENED: Code(_SIGN_IN, "E"),
    E.LINK_RENEWED: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.KEY_ENROLLED: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.KEY_REFUSED: Code(_ALERT, "C", 4, _PERSON_CHANGED),
    E.KEY_RENAMED: Code(_ALERT, "U", kind=_PERSON_CHANGED),
    E.KEY_REMOVED: Code(_ALERT, "D", kind=_PERSON_CHANGED),
    E.KEY_FLAGGED: Code(_ALERT, "U", 8, _PERSON_CHANGED),
    E.PERSON_JOINED: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.PERSON_REMOVED: Code(_ALERT, "D", kind=_PERSON_CHANGED),
    E.PERSON_INVITED: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.PERSON_DISABLED: Code(_ALERT, "U", kind=_PERSON_CHANGED),
    E.PERSON_ENABLED: Code(_ALERT, "U", kind=_PERSON_CHANGED),
    E.HANDOVER_READ: Code(_ACTIVITY, "R"),
    E.HANDED_OVER: Code(_ACTIVITY, "U"),
    E.DEPUTY_NAMED: Code(_ALERT, "U", kind=_RIGHTS),
    E.DEPUTY_ENDED: Code(_ALERT, "U", kind=_RIGHTS),
    E.ROLE_GRANTED: Code(_ALERT, "U", kind=_RIGHTS),
    E.ROLE_REVOKED: Code(_ALERT, "U", kind=_RIGHTS),
    E.PERSON_READ: Code(_ACTIVITY, "R"),
    E.OPENID_BEGUN: Code(_SIGN_IN, "E"),
    E.OPENID_NAMED: Code(_SIGN_IN, "E"),
    E.OPENID_REFUSED: Code(_SIGN_IN, "E", 4, _LOGIN),
    E.OPENID_LINKED: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.OPENID_UNLINKED: Code(_ALERT, "D", kind=_PERSON_CHANGED),
    E.RECOVERY_STARTED: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.RECOVERY_CONFIRMED: Code(_ALERT, "U", kind=_PERSON_CHANGED),
    E.RECOVERY_GIVEN_UP: Code(_ALERT, "D", kind=_PERSON_CHANGED),
    E.RECOVERY_CODES_MADE: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.TOKEN_MADE: Code(_ALERT, "C", kind=_PERSON_CHANGED),
    E.TOKEN_REVOKED: Code(_ALERT, "D", kind=_PERSON_CHANGED),
    E.KEY_MODELS_IMPORTED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.ACCESS_APPROVED: Code(_ALERT, "U", kind=_RIGHTS),
    E.ACCESS_REFUSED: Code(_ACTIVITY, "U"),
    E.ACCESS_LISTED: Code(_ACTIVITY, "R"),
    E.ACCESS_READ: Code(_ACTIVITY, "R"),
    E.ACCESS_REMINDED: Code(_ACTIVITY, "U"),
    E.ACCESS_REQUESTED: Code(_ACTIVITY, "C"),
    E.ACCESS_ENDORSED: Code(_ACTIVITY, "U"),
    E.ACCESS_ASKED_BACK: Code(_ACTIVITY, "U"),
    E.ACCESS_ANSWERED: Code(_ACTIVITY, "U"),
    E.ACCESS_CODE_WRONG: Code(_SIGN_IN, "E", 4),
    E.ACCESS_WITHDRAWN: Code(_ACTIVITY, "D"),
    E.DENIED: Code(_ALERT, "E", 4, _RESTRICTED),
    E.PROFILE_READ: Code(_ACTIVITY, "R"),
    E.PREFERENCES_SAVED: Code(_ACTIVITY, "U"),
    E.PEOPLE_LISTED: Code(_ACTIVITY, "R"),
    E.CENTRE_ADDED: Code(_ALERT, "C", kind=_CONFIGURED),
    E.CENTRE_CHANGED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.CENTRE_CLOSED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.CENTRE_REOPENED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.COUNTRY_ADDED: Code(_ALERT, "C", kind=_CONFIGURED),
    E.ERN_ADDED: Code(_ALERT, "C", kind=_CONFIGURED),
    E.ERN_CHANGED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.IMPORT_CHECKED: Code(_ACTIVITY, "R"),
    E.IMPORT_APPLIED: Code(_IMPORT, "C"),
    E.PLUGINS_LISTED: Code(_ACTIVITY, "R"),
    E.PLUGIN_ENABLED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.PLUGIN_DISABLED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.AUDIT_READ: Code(_LOG_USED, "R"),
    E.AUDIT_EXPORTED: Code(_LOG_USED, "R"),
    E.HOME_READ: Code(_ACTIVITY, "R"),
    E.HELP_READ: Code(_ACTIVITY, "R"),
    E.TERMS_SEARCHED: Code(_QUERY, "E"),
    E.SEARCHED: Code(_QUERY, "E"),
    E.BACKUP_MADE: Code(_EXPORT, "R"),
    E.BACKUP_RESTORED: Code(_IMPORT, "C"),
    E.CENTRE_READ: Code(_QUERY, "E"),
    E.PATIENT_ENROLLED: Code(_PATIENT, "C"),
    E.PATIENT_READ: Code(_PATIENT, "R"),
    E.IDENTITY_READ: Code(_PATIENT, "R"),
    E.CONSENT_RECORDED: Code(_PATIENT, "U"),
    E.CONSENT_WITHDRAWN: Code(_PATIENT, "U"),
    E.RECEIPT_READ: Code(_PATIENT, "R"),
    E.PATIENT_CORRECTED: Code(_PATIENT, "U"),
    E.RETENTION_CHANGED: Code(_PATIENT, "U"),
    E.PATIENT_COPIED: Code(_EXPORT, "R"),
    E.PATIENT_ERASED: Code(_PATIENT, "D"),
    E.PATIENTS_MERGED: Code(_PATIENT, "U"),
    E.PATIENT_RESTRICTED: Code(_PATIENT, "U"),
    E.PATIENT_UNRESTRICTED: Code(_PATIENT, "U"),
    E.TEAM_JOINED: Code(_PATIENT, "U"),
    E.TEAM_LEFT: Code(_PATIENT, "U"),
    E.TEAM_RENEWED: Code(_PATIENT, "U"),
    E.EMERGENCY_BEGUN: Code(_ALERT, "E", kind=_EMERGENCY),
    E.EMERGENCY_SOUGHT: Code(_ALERT, "E", kind=_EMERGENCY),
    E.EMERGENCY_READ: Code(_ACTIVITY, "R"),
    E.EMERGENCY_SEEN: Code(_ACTIVITY, "U"),
    E.PATIENT_MOVED: Code(_PATIENT, "U"),
    E.TRANSFER_PROPOSED: Code(_PATIENT, "U"),
    E.TRANSFER_READ: Code(_PATIENT, "R"),
    E.TRANSFER_TAKEN_BACK: Code(_PATIENT, "U"),
    E.TRANSFER_ACCEPTED: Code(_PATIENT, "U"),
    E.TRANSFER_REFUSED: Code(_PATIENT, "U"),
    E.CASES_LISTED: Code(_QUERY, "E"),
    E.CASE_OPENED: Code(_PROCEDURE, "C"),
    E.CASE_READ: Code(_PROCEDURE, "R"),
    E.CASE_IMPORTED: Code(_IMPORT, "C"),
    E.CASE_EXPORTED: Code(_EXPORT, "R"),
    E.CASE_WITHDRAWN: Code(_PROCEDURE, "D"),
    E.CASE_HANDED_OVER: Code(_PROCEDURE, "U"),
    E.RECORD_READ: Code(_PROCEDURE, "R"),
    E.RECORD_SAVED: Code(_PROCEDURE, "U"),
    E.RECORD_DRAFTED: Code(_PROCEDURE, "U"),
    E.RECORD_DRAFT_DROPPED: Code(_PROCEDURE, "D"),
    E.ATTACHMENT_ADDED: Code(_IMPORT, "C"),
    E.ATTACHMENT_REFUSED: Code(_IMPORT, "C", 4),
    E.ATTACHMENT_READ: Code(_PROCEDURE, "R"),
    E.ATTACHMENT_RELEASED: Code(_PROCEDURE, "U"),
    E.ATTACHMENT_DESCRIBED: Code(_PROCEDURE, "U"),
    E.ATTACHMENT_REMOVED: Code(_PROCEDURE, "D"),
    E.IMAGES_VIEWED: Code(_INSTANCES, "R"),
    E.ERN_READ: Code(_QUERY, "E"),
    E.MEMBERSHIP_CHANGED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.AREA_CHANGED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.GROUPS_READ: Code(_ACTIVITY, "R"),
    E.GROUP_MADE: Code(_ALERT, "C", kind=_CONFIGURED),
    E.GROUP_CHANGED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.GROUP_ENDED: Code(_ALERT, "D", kind=_CONFIGURED),
    E.REQUEST_SUBMITTED: Code(_ORDER, "C"),
    E.REQUEST_RETURNED: Code(_ORDER, "U"),
    E.REQUEST_DECLINED: Code(_ORDER, "U"),
    E.REQUEST_FORWARDED: Code(_ORDER, "U"),
    E.ANOTHER_ERN_ASKED: Code(_ORDER, "C"),
    E.NETWORK_CONFIGURED: Code(_ALERT, "U", kind=_CONFIGURED),
    E.PANEL_SHARED: Code(_ORDER, "U"),
    E.LEAD_NAMED: Code(_ORDER, "U"),
    E.EXPERT_INVITED: Code(_ORDER, "U"),
    E.GUEST_INVITED: Code(_ORDER, "U"),
    E.GUEST_EXTENDED: Code(_ORDER, "U"),
    E.INVITATION_ANSWERED: Code(_ORDER, "U"),
    E.MEMBER_OFFERED: Code(_ORDER, "U"),
    E.OFFER_ANSWERED: Code(_ORDER, "U"),
    E.NOTICE_ENDED: Code(_ORDER, "U"),
    E.NOTICE_RENEWED: Code(_ORDER, "U"),
    E.MEMBER_REMINDED: Code(_ORDER, "U"),
    E.MEMBER_REMOVED: Code(_ORDER, "U"),
    E.LEAD_CHANGED: Code(_ORDER, "U"),
    E.CONTRIBUTED: Code(_PROCEDURE, "C"),
    E.CONTRIBUTION_CHANGED: Code(_PROCEDURE, "U"),
    E.QUESTION_ASKED: Code(_PROCEDURE, "C"),
    E.QUESTION_WAITED_FOR: Code(_PROCEDURE, "U"),
    E.QUESTION_ANSWERED: Code(_PROCEDURE, "U"),
    E.QUESTION_TAKEN_BACK: Code(_PROCEDURE, "U"),
    E.PANEL_SEEN: Code(_ACTIVITY, "R"),
    E.PANEL_ESCALATED: Code(_ORDER, "U"),
    E.REQUEST_ESCALATED: Code(_ORDER, "U"),
    E.STAGE_CHANGED: Code(_ORDER, "U"),
    E.OUTCOME_DRAFTED: Code(_PROCEDURE, "C"),
    E.OUTCOME_PUT_TO_MEMBERS: Code(_PROCEDURE, "U"),
    E.OUTCOME_TAKEN_BACK: Code(_PROCEDURE, "U"),
    E.POSITION_GIVEN: Code(_PROCEDURE, "U"),
    E.OUTCOME_SIGNED: Code(_PROCEDURE, "U"),
    E.OUTCOME_READ: Code(_PROCEDURE, "R"),
    E.OUTCOME_VERIFIED: Code(_PROCEDURE, "R"),
    E.LETTER_READ: Code(_PROCEDURE, "R"),
    E.FOLLOW_UP_ANSWERED: Code(_PROCEDURE, "U"),
    E.REOPENING_ASKED: Code(_ORDER, "U"),
    E.REOPENING_DECIDED: Code(_ORDER, "U"),
    E.REPORT_READ: Code(_QUERY, "E"),
    E.REPORT_EXPORTED: Code(_EXPORT, "R"),
}


def code_of(tag: str) -> Code:
    return _BY_TAG.get(tag, DEFAULT)


_BY_TAG: Final[Mapping[str, Code]] = {str(event): code for event, code in CODES.items()}
