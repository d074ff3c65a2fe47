"""What the matrix sends to the addresses of what comes with and after a signed outcome."""

from collections.abc import Mapping

from cpms_core.panels.models import Panel
from tests.web.attempt import Attempt

_OUTCOME = "/panels/{panel_id}/outcome"

AFTER: Mapping[str, Attempt] = {
    f"POST {_OUTCOME}/amend": Attempt(
        until="signed",
        form=lambda world: {"reason": "The array was read again.", "seen": world.seen(Panel)},
    ),
    # Nothing is signed yet that could be kept.
    f"POST {_OUTCOME}/keep": Attempt(until="outcome", status=frozenset({422})),
    f"GET {_OUTCOME}/letters": Attempt(until="sign_off"),
    f"GET {_OUTCOME}/letters/{{kind}}": Attempt(until="signed", values={"kind": "referrer"}),
    f"GET {_OUTCOME}/letters/{{kind}}/pdf": Attempt(until="signed", values={"kind": "family"}),
    "POST /follow-ups/{follow_up_id}/answer": Attempt(
        until="signed", form={"number": "1", "said": "done"}
    ),
    "POST /follow-ups/{follow_up_id}/note": Attempt(until="signed", form={"note": "Is well."}),
    "POST /panels/{panel_id}/reopening": Attempt(until="signed", form={"reason": "An exome."}),
    # Nobody has asked.
    "POST /panels/{panel_id}/reopening/grant": Attempt(
        until="signed", form={"asking": "0" * 32}, status=frozenset({409})
    ),
    "POST /panels/{panel_id}/reopening/refuse": Attempt(
        until="signed", form={"asking": "0" * 32, "answer": "No."}, status=frozenset({409})
    ),
    "POST /panels/{panel_id}/reopen": Attempt(until="signed", form={"reason": "An exome."}),
    # The submitter is still asked what became of the advice.
    "POST /panels/{panel_id}/archive": Attempt(
        until="signed", form=lambda world: {"seen": world.seen(Panel)}, status=frozenset({422})
    ),
    "POST /cases/{case_id}/withdraw": Attempt(),
}
