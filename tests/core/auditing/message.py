"""How a test reads a message, and what a name could do to one."""

import re
from xml.etree import ElementTree as ET

LINE = re.compile(
    rb"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) cpms - DICOM\+RFC3881 - "
    rb"(<AuditMessage>[ -~]+</AuditMessage>)"
)
HOSTILE = (
    "a\r\nb <134>1 2026 forged cpms - - - \x1b[31mred\x1b[0m \x9b1m \u202egnp.exe\u202c \u2028"
    " \u200b\x00\x7f\ufeff </AuditMessage><AuditMessage> \"' &amp; ]]> {}"
)


def parsed(line: bytes) -> ET.Element:
    found = LINE.fullmatch(line)
    assert found, line
    return ET.fromstring(found[4])  # noqa: S314 - our own
