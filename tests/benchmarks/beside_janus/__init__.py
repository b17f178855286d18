"""The emulator beside a real Janus, in turns, under the same load: what a packet and a connection cost the server."""
