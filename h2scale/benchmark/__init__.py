"""Time and memory of training steps, measured on structures that anybody can make again."""
