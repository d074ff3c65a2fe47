"""What a panel's page shows around its discussion."""
