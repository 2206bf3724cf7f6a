"""Pages of the super admin: one module a task."""
