"""Potentials as pure functions: NequIP-style and SchNet behind one interface."""
