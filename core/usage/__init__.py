"""What was used and what it cost, read from the ledger's events. Roll-ups come with their size."""
