"""Settings of hypothesis for the pure tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# hypothesis gets no time limit per value: on a busy machine it would measure the other processes.
# pytest-timeout limits each test.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")
