"""The token endpoint (OAuth 2.0), the public keys, and the tokens of pages."""
