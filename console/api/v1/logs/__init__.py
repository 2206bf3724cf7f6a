"""The resources `logs` and `content-policy`."""
