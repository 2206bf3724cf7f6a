"""Lists of the super admin, one file a noun."""

from superadmin.admin import accounts, llms, people, statements

__all__ = ("accounts", "llms", "people", "statements")
