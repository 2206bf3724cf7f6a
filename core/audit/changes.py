"""Writes changes to a row and says what was before and after, as audit entries hold it."""

from collections.abc import Mapping
from typing import Any

from django.db import models


def apply_changes(
    row: models.Model, changes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Save what differs from the row, and return it as before and after; both empty otherwise."""
    after = {name: value for name, value in changes.items() if value != getattr(row, name)}
    before = {name: getattr(row, name) for name in after}
    for name, value in after.items():
        setattr(row, name, value)
    if after:
        row.save(update_fields=tuple(after))
    return before, after
