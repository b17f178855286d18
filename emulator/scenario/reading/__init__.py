"""From text to checked values, every one of them with its place in the file."""
