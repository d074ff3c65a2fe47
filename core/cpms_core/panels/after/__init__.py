"""After the outcome: follow-ups, reopening, archiving, withdrawing."""
