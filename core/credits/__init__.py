"""The ledger: credits that cannot be overspent, lost or promised twice. It knows no product."""
