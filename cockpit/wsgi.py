"""The cockpit for a sync server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cockpit.settings")

application = get_wsgi_application()

# What is loaded by now stays: the collector need not look through it again in each large request.
# A page over ten thousand members otherwise spends almost half of its time there.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 10, 10)
