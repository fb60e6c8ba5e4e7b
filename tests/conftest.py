"""Hypothesis profiles: quick and the same every time; HYPOTHESIS_PROFILE=thorough looks for bugs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile(
    "quick", max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW
)
settings.register_profile(
    "thorough",
    max_examples=5000,
    deadline=None,
    database=None,
    suppress_health_check=_SLOW,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
