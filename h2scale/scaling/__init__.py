"""Scaling laws: functional forms, estimation, intervals."""
