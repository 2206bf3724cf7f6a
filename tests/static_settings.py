"""The settings as mypy's plugin reads them: the same ones, without starting any server."""

import os
import tempfile

os.environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")
os.environ.setdefault("COCKPIT_DATA", os.path.join(tempfile.gettempdir(), "cockpit-static"))  # noqa: PTH118

from cockpit.settings import *  # noqa: F403
