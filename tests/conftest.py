"""Settings for all tests: times of generated examples are the machine's business, not a test's."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("SIMSMTP_HYPOTHESIS", "quick"))
