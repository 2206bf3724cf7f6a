"""Organizations, teams, members and invitations over REST, once for both products."""
