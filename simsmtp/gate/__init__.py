"""The gate: whether new results are worse than a baseline by more than a margin."""
