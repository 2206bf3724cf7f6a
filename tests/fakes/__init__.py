"""Stand-ins for what lies outside the process, with behaviour of their own."""
