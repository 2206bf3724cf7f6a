"""The account as context: which Postgres schema we are in, and who may switch it."""
