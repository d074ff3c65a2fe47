"""The conclusion: drafted, judged, signed, printed, verified."""
