"""The only settings module; it assembles the ones beside it."""

import os

from cockpit.settings.base import *  # noqa: F403

from cockpit.settings.apps import *  # noqa: F403  isort: skip
from cockpit.settings.admin_ui import *  # noqa: F403
from cockpit.settings.api import *  # noqa: F403
from cockpit.settings.auth import *  # noqa: F403
from cockpit.settings.database import *  # noqa: F403
from cockpit.settings.jobs import *  # noqa: F403
from cockpit.settings.logging import *  # noqa: F403
from cockpit.settings.security import *  # noqa: F403

if os.environ.get("COCKPIT_TESTING"):
    from cockpit.settings.testing import *  # noqa: F403
