"""The pytest plugin, and the server thread and facades behind its fixtures."""
