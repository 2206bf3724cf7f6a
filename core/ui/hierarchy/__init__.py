"""Organizations, teams and members of a product: lists, pages and forms, for both products."""
