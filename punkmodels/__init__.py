"""Models that learn from the CryptoPunks: `punkmodels train`, `evaluate`, `predict`."""
