"""Which sources results depend on: stored rows and compiled loops of other sources are not used."""

from __future__ import annotations

DECIDING_ROOMS = ("protocol", "policies", "strategies", "network", "randomness", "rows", "model", "peers", "engines")
"""Rooms that decide or draw; a test holds that they are those which engines import."""
