"""The REST surface: one module per resource, over the domain's commands and queries."""

from emulator.api.rate_limit import RateLimit
from emulator.api.routes import RestApi

__all__ = ["RateLimit", "RestApi"]
