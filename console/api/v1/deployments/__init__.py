"""The resource `deployments`."""
