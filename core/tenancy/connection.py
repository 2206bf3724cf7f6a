"""Django's connection, with what django-tenants adds to it. Only this package switches schema."""

from typing import Any

from django.db import connection as _connection

# The stubs know Django's connection only.
connection: Any = _connection
