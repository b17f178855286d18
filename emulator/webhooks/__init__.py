"""Signed webhooks: an account's events, posted to the URLs of its rooms and compositions."""
