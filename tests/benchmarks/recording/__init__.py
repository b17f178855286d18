"""Which container settings survive a killed process; run by `python -m tests.benchmarks.recording_containers`."""
