"""Neighbour lists and padded batches."""
