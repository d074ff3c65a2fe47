"""The page that asks for a touch of the key, and then sends the form that was sent before again."""

from uuid import UUID

from cpms_core.answers import Answer, Data, Page
from cpms_core.http.visit import PageVisit

_STATUS = 403
_OWN = frozenset({"csrf_token", "_act", "_subject"})


def step_up_page(visit: PageVisit, act: str, subject_id: UUID | None, address: str) -> Answer:
    """Everything that was typed is in it, so nothing is lost; nothing was done yet."""
    if visit.incoming.json is not None or visit.is_htmx:
        return Data(value={"error": f"Touch your security key to {act}."}, status=_STATUS)
    typed = [(name, one) for name, values in visit.form.items() for one in values]
    values = {
        "act": act,
        "subject": str(subject_id or ""),
        "address": address,
        "typed": [(name, one) for name, one in typed if name not in _OWN],
    }
    return Page(template="web/step_up.html", values=values, status=_STATUS)
