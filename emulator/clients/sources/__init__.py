"""What synthetic participants show and say."""
