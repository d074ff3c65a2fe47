"""The case: records, drafts of them, attachments."""
