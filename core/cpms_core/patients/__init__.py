"""Enrolment, the identity vault and consent. Names and birth days never leave this package."""
