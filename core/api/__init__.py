"""The REST kit: problems, authentication, permissions, OpenAPI; and the token endpoint."""
