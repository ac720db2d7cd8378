"""Random numbers that belong to names, and the distributions that they are turned into."""
