"""Media that identifies itself: test cards and tones, writer and reader together."""
