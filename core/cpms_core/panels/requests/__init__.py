"""A case's question on its way to a panel: sent, triaged, forwarded, opened."""
