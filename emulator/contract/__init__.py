"""What the service promises, as checks: a description of the API, and everything that is held against it."""
