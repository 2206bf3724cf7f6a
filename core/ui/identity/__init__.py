"""Pages of the login: sign-in, invitation, profile, second factor, development mailbox."""
