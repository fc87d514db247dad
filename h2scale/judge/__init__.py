"""Whole curves that judge what was learned at equilibrium: their systems, energies, references, features and errors."""
