"""Readers of foreign formats into `h2scale.types.Structure`."""
