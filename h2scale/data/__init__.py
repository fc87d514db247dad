"""Labelled structures: storage, readers, validation, rungs and splits."""
