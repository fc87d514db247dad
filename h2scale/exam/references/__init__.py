"""Curves and constants that predictions are compared with, and the program that computes them."""
