"""A local, single-process emulator of Telnyx Video Rooms."""
