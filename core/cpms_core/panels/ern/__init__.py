"""An ERN's page."""
