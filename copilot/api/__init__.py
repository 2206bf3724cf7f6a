"""Copilot's REST API."""
