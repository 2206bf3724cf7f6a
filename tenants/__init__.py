"""The public schema: accounts and what super admins decide about them."""
