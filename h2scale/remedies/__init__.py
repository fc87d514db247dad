"""Remedies: how much physics must be built in? Learned corrections of energies that are right where nothing is left."""
