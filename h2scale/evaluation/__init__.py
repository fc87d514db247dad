"""Trained replicas against data and physics."""
