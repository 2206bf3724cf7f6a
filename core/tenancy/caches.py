"""Process-wide caches of libraries, keyed by schema.

Django caches content types, and guardian its content-type look-ups, for the whole process. Their
ids differ between schemas, so one account's id would be used in another, or mixed between two
threads at once.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections
from guardian import shortcuts

from core.tenancy.connection import connection


class SchemaCache(dict[str, Any]):
    """The mapping behind `ContentTypeManager._cache`, with one slice a schema."""

    def __getitem__(self, using: str) -> Any:
        return super().__getitem__(self._key(using))

    def setdefault(self, using: str, default: Any = None) -> Any:
        return super().setdefault(self._key(using), default)

    def clear(self) -> None:
        """Forget the current schema's slice; the backend calls this at each change of schema."""
        # A thread's first connection calls this while it is being made. Asking `connection` for
        # its schema would then make another one, and so on without end.
        for made in connections.all(initialized_only=True):
            schema = made.schema_name  # type: ignore[attr-defined]
            for key in [key for key in list(self) if key.startswith(f"{schema}|")]:
                self.pop(key, None)

    @staticmethod
    def _key(using: str) -> str:
        return f"{connection.schema_name}|{using}"


def content_type_of_permission(app_label: str, codename: str) -> ContentType:
    """Look a permission's content type up afresh; guardian's own version remembers it for ever."""
    return ContentType.objects.get(app_label=app_label, permission__codename=codename)


def key_process_caches_by_schema() -> None:
    """Replace the shared caches. Called once, when the apps are ready."""
    cache = SchemaCache()
    # `objects` is a copy that Django makes anew whenever a model is registered; the manager it
    # copies must have the same cache.
    for manager in (ContentType.objects, *ContentType._meta.local_managers):
        manager._cache = cache  # type: ignore[attr-defined]  # noqa: SLF001
    # guardian clears its cache after each migration, so the replacement must answer that too.
    content_type_of_permission.cache_clear = lambda: None  # type: ignore[attr-defined]
    shortcuts._get_ct_cached = content_type_of_permission  # noqa: SLF001
