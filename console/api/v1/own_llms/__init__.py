"""The resource `own-llms`."""
