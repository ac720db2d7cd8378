"""The gate: whether results are worse than a baseline, beyond a margin."""
