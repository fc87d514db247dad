"""Populations of replicas trained by one compiled program."""
