"""Whether the process is about to be stopped, as whoever serves it says with a file."""

import os
from pathlib import Path

VARIABLE = "COCKPIT_LEAVING_FILE"


def is_leaving() -> bool:
    """Whether new calls should go elsewhere, although they are still answered here."""
    mark = os.environ.get(VARIABLE)
    return bool(mark) and Path(str(mark)).exists()
