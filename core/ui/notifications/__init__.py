"""The inbox of whoever is signed in, and the bell in the header."""
