"""Requests, panels, contributions and the outcome they end in."""
