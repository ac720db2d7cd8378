"""A results folder as one HTML report that needs no other file."""
