"""How hypothesis tries values here."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No time limit of its own for a value: on a busy machine it measures how long others took. pytest-timeout bounds all.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
