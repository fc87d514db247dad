"""Labelled datasets made from scratch: molecules, geometries, tasks that survive a kill, and their assembly."""
