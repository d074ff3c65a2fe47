"""People, their roles, security keys, sessions and one-time links."""
