"""Result files: checked before the work, written as tables, and compared with their noted hashes when read."""
