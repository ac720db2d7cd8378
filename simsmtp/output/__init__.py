"""Result files: whether they can be written, tables as CSV or Parquet, and the hashes that are noted of them."""
