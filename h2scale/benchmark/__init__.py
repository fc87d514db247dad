"""Time and memory of training steps, measured on reproducible structures."""
