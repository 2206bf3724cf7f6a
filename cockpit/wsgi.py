"""The cockpit for a sync server."""

import os

from django.core.wsgi import get_wsgi_application

from cockpit.collector import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cockpit.settings")

application = get_wsgi_application()

keep_what_is_loaded()
