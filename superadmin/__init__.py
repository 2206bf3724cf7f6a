"""The face for super admins; no tables of its own."""
