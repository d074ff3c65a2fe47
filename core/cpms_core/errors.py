"""One base and its few leaves. HTTP appears only in `http/`, in one mapping.

The message is a sentence for the person at the screen: what happened, what was kept, what to do.
"""

import errno
from collections.abc import Mapping
from typing import Any


class CpmsError(Exception):
    """Something the person at the screen can be told."""

    keeps_changes = False
    """Whether what was changed until now is kept: a used-up challenge, a counted try."""


class NotFoundError(CpmsError):
    """There is no such thing, or this actor must not learn that there is."""

    def __init__(self, message: str = "There is nothing here that you may see.") -> None:
        super().__init__(message)


class ForbiddenError(CpmsError):
    """The actor may know of the thing but not do this to it."""


class SignInNeededError(CpmsError):
    """No living session."""

    def __init__(self, message: str = "Sign in to go on.") -> None:
        super().__init__(message)


class TokenRefusedError(SignInNeededError):
    """A machine's token that is unknown, revoked or over."""

    def __init__(self) -> None:
        super().__init__("This token is unknown, was revoked or has ended. Make a new one.")


class TwoSignInsError(CpmsError):
    """A session and a token at once: it is not clear who asks."""

    def __init__(self) -> None:
        super().__init__("Send a session's cookie or one token, not both. Nothing was done.")


class InvalidError(CpmsError):
    """What was sent cannot be accepted; `fields` maps a field's path to what is wrong with it."""

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class ConflictError(CpmsError):
    """Somebody else was faster; `theirs` and `yours` let both versions be shown side by side."""

    def __init__(self, message: str, *, theirs: Any = None, yours: Any = None) -> None:
        super().__init__(message)
        self.theirs = theirs
        self.yours = yours


class ConsentMissingError(CpmsError):
    """The patient's consents do not cover this."""


class TooLargeError(CpmsError):
    """More was sent than this site accepts."""


class TooManyError(CpmsError):
    """Asked too often; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FullError(CpmsError):
    """As many are at this already as the site can hold."""

    retry_after = 60
    """Seconds after which another try makes sense."""


class StoreUnavailableError(CpmsError):
    """The store or the disk refuses to write; nothing of this request was kept."""

    retry_after = 5
    """Seconds after which another try makes sense."""


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""A full or a bad disk, which is no fault of what was sent."""
DISK_REFUSES = (
    "The site cannot write to its disk right now. Nothing of this step was kept; "
    "please try again in a moment."
)


class PluginError(CpmsError):
    """A plugin broke the contract; the message names it."""
