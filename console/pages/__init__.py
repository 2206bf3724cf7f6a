"""Pages that only Console has."""
