"""How a study is run: what is missing is computed in chunks, in this process, in others or on a cluster."""
