"""The data plane: one governed call from the request to the ledger. See docs/gateway.md."""
