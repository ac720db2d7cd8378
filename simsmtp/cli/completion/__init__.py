"""What the shell offers at the Tab key: names, keys and values, found without loading what is slow to load."""
