"""Version 1 of Console's REST API."""
