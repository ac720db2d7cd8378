"""Figures and the words on them. Reads tables only and never runs a scenario."""
