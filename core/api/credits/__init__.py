"""The REST API of credits: plan, wallets, movements, caps and history of a product."""
