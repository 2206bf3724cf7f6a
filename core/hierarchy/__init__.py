"""Organizations, teams, members and memberships: one engine, two separate products."""
