"""Every write of organizations, teams, members and memberships, for both products."""
