"""Postgres and Redis for a machine that has neither, and the supervisor of `make run`.

`urls()` is what other code needs: it starts or finds the servers and returns their URLs.
"""

from cockpit.embedded.servers import data_folder, urls

__all__ = ["data_folder", "urls"]
