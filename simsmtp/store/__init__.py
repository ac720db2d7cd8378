"""The store of finished replications, and where they come from."""
