"""Copilot: agentic workspaces for a company's employees."""
