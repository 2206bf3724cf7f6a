"""The audit log of a product over REST."""
