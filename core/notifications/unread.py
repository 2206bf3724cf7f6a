"""How many notifications somebody has not read: asked on every page, so it is kept in the cache."""

from collections.abc import Iterable
from uuid import UUID

from django.core.cache import cache
from django.db import transaction

from core.tenancy.context import AccountRef, current_schema, in_account
from core.tenancy.jobs import account_id_of_schema

# The bell says "99+" beyond.
MOST = 100
# Bounds how long a figure can be wrong that was read just before a change was committed.
_KEPT_SECONDS = 60


def kept_count(user_id: UUID) -> int | None:
    """Return the count that is kept for a user of the current account, or None."""
    found: int | None = cache.get(_key(user_id))
    return found


def keep_count(user_id: UUID, count: int) -> None:
    """Keep the count of a user of the current account. Keys carry the schema by themselves."""
    cache.set(_key(user_id), count, _KEPT_SECONDS)


def forget_on_commit(user_ids: Iterable[UUID]) -> None:
    """Forget the counts of some users once the current transaction has committed."""
    keys, schema = [_key(user_id) for user_id in user_ids], current_schema()

    def forget() -> None:
        # A transaction may end in another schema than the one where the change was made.
        with in_account(AccountRef(account_id_of_schema(schema), "", schema)):
            cache.delete_many(keys)

    transaction.on_commit(forget)


def _key(user_id: UUID) -> str:
    return f"notifications-unread:{user_id}"
