"""`python -m cockpit.embedded up|stop|reset`, which the Makefile calls. Works without Django."""

import argparse
import sys

from cockpit.embedded import up
from cockpit.embedded.host import EmbeddedError
from cockpit.embedded.servers import Servers, data_folder


def main() -> int:
    """Run one command; what goes wrong becomes a sentence and an exit code."""
    parser = argparse.ArgumentParser(prog="python -m cockpit.embedded", description=__doc__)
    parser.add_argument("command", choices=["up", "stop", "stop-test", "reset"])
    parser.add_argument("--force", action="store_true", help="do not ask, do not spare users")
    parser.add_argument("--with-parent", action="store_true", help="stop when the starter ends")
    given = parser.parse_args()
    try:
        match given.command:
            case "up":
                return up.up(with_parent=given.with_parent)
            case "stop":
                return up.stop(even_if_used=given.force)
            case "stop-test":
                Servers(data_folder(), "test").stop()
                return 0
            case _:
                return up.reset(is_confirmed=given.force)
    except EmbeddedError as error:
        sys.stderr.write(f"Cockpit: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
