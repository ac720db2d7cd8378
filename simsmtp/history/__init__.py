"""Responses over commits: a file that grows by each run, what changed in it, and the commit that changed it."""
