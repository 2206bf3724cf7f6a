"""Console's lists on the account's site."""

from console.admin import hierarchy as hierarchy
