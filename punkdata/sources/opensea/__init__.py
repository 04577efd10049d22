"""opensea."""
