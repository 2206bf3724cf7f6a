"""The login: users (one table a schema), roles, invitations."""
