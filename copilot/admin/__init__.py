"""Copilot's lists on the account's site."""

from copilot.admin import hierarchy as hierarchy
