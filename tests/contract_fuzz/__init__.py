"""Schemathesis against the vendor's public description: what is amended, what is allowed, and how it is run."""
