"""Console: an AI gateway for a company's developers."""
