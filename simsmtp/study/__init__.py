"""A finished study: its rows, their summary, its figure and its files."""
