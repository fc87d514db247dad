"""Labelled structures: storage, validation, rungs, splits and the H2 leak guard."""

from h2scale.data.partition import sides as sides
from h2scale.data.storage import load_dataset as load_dataset
