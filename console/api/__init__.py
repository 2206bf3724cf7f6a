"""Console's REST API."""
