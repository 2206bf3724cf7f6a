"""Stories end to end: the processes of `make run`, over HTTP and with the official SDK."""
