"""Running a study: what is missing, computed in chunks, here or elsewhere."""
