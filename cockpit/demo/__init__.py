"""The demo: two believable accounts, seeded once through the same services as everything else."""
