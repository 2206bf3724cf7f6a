"""Version 1 of Copilot's REST API."""
