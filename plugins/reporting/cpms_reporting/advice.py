"""What became of the panels' advice: the submitters' last word on each recommendation."""

from cpms_core import Aggregates, Count, ReportTable

NO_ADVICE = (
    "Fewer than ten recommendations of a kind were given so far, too few to be counted. Three "
    "weeks, three months and a year after each outcome its submitter is asked what became of them."
)
NO_REASON = (
    "No reason was given often enough to be counted. Submitters give one where they say that "
    "advice was not followed."
)


def advice(counts: Aggregates) -> ReportTable:
    """Done, planned or not done, by kind and strength."""
    rows = tuple(
        Count(
            (one.kind.capitalize(), one.strength.capitalize()),
            (one.given, one.done, one.planned, one.not_done, one.not_said),
        )
        for one in counts.advice()
    )
    note = (
        "The last word of the submitters on each recommendation of the outcomes that hold. A kind "
        "with fewer than ten is left out, and a dash stands for a figure that could point at one "
        "patient."
    )
    return ReportTable(
        columns=("Kind", "Strength", "Given", "Done", "Planned", "Not done", "Not said yet"),
        rows=rows,
        charted=(1, 3),
        note=note if rows else NO_ADVICE,
    )


def reasons(counts: Aggregates) -> ReportTable:
    """Why advice was not followed, the most frequent reason first."""
    found = counts.advice_reasons()
    rows = tuple(
        Count((why.capitalize(),), (found[why],)) for why in sorted(found, key=lambda w: -found[w])
    )
    note = (
        "Recommendations that were not done, by the reason that the submitter chose. What was "
        "written freely is one line; what is too rare is left out."
    )
    return ReportTable(
        columns=("Reason", "Recommendations"), rows=rows, note=note if rows else NO_REASON
    )
