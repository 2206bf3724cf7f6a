"""The platform's REST API, for super admins, on the public host alone."""
