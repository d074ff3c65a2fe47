"""Every page of ours, feature by feature."""

from cpms_core import Link
from cpms_web import pages_sign_in

ALL = (*pages_sign_in.ROUTES,)

# The top bar, left to right. A link stands here from the day its page exists.
LINKS: tuple[Link, ...] = ()
