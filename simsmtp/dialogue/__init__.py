"""Transcripts of simulated sessions for people to read."""
