"""What developers read: the API reference, and a page for each kind of problem."""
