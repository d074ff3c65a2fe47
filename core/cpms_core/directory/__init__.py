"""ERNs, countries, health-care providers and who is a member of what."""
