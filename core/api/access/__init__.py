"""The REST API of access: LLMs, policies, features, grants, and why."""
