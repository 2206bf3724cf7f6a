"""Version 1: what a super admin's pages decide, for scripts that run in a super admin's session."""
