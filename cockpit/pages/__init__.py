"""Pages of the account as a whole, beside those of the products."""
