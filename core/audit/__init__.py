"""The trail of changes: one append-only entry for each, in the schema it happened in."""
