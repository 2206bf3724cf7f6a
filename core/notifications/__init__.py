"""What people are told of: an inbox for each, and mail for those who want it."""
