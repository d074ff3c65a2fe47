"""What was promised, and who is told when it is late."""
