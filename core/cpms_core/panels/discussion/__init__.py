"""What a panel writes: contributions, questions to the submitter, the timeline."""
