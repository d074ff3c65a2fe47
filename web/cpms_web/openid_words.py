"""What a person is told who came back from a sign-in provider and got no further."""

from collections.abc import Mapping
from typing import Final

_KEY = "Nothing was changed. Your security key alone signs you in as always."
_SILENT = "It does not answer right now, or not as it should. " + _KEY
_BUSY = (
    "Others are signing in there at this moment, or it answers slowly. Nothing was changed. "
    "Sign in with your security key instead, or try again in a minute."
)
_ODD = (
    "What it answered does not fit what was asked, so this site did not believe it. "
    + _KEY
    + " If it happens again, tell your administrator."
)

_UNKNOWN = (
    "It told this site who you are there, and nobody here has linked that. Nothing was stored. If "
    "you have an account here, sign in with your security key and link it on your profile; an "
    "address is never enough for that. If you have none, request access."
)
_TAKEN = (
    "It is linked to another person, so nothing was changed. Sign out there and take your own "
    "account. If it is your own, tell your administrator."
)
_ENDED = (
    "Your session here ended meanwhile. Sign in with your key, and link the account again on your "
    "profile."
)
_WEAK = (
    "You signed in there in a way that this site does not accept. Sign out there, and sign in with "
    "the second factor. "
) + _KEY

_TOLD: Final[Mapping[str, tuple[str, str, int]]] = {
    "no_answer": ("{} cannot be reached", _SILENT, 503),
    "bad_answer": ("{} cannot be reached", _SILENT, 503),
    "busy": ("{} has no place for you right now", _BUSY, 503),
    "no_secret": ("{} is not set up yet", "Tell your administrator. " + _KEY, 503),
    "cancelled": ("You did not sign in at {}", _KEY, 422),
    "not_signed_in": ("You did not sign in at {}", "It said that it did not work. " + _KEY, 422),
    "code_refused": ("That took too long at {}", _KEY + " Or begin again.", 422),
    "expired_token": ("That took too long at {}", _KEY + " Or begin again.", 422),
    "too_weak": ("{} needs a stronger sign-in", _WEAK, 422),
    "unknown": ("{} is not linked here yet", _UNKNOWN, 403),
    "disabled": (
        "Your access here has ended",
        "Nobody is signed in. Whoever manages your centre's people can let you back in.",
        403,
    ),
    "taken": ("This account at {} is somebody else's here", _TAKEN, 409),
    "session_ended": ("Nothing was linked", _ENDED, 403),
}


def told(reason: str, provider: str) -> tuple[str, str, int]:
    """Title, sentences and status; a reason that is not in the table is a provider's fault."""
    title, message, status = _TOLD.get(reason, ("{} could not be believed", _ODD, 422))
    return title.format(provider), message, status
