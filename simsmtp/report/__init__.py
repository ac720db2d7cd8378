"""A results folder as one HTML report."""
