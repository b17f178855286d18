"""What a synthetic participant's camera and microphone deliver."""
