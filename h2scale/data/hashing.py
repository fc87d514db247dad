"""Hashes that serve as reproducible random numbers, the same on every machine."""

import hashlib

import numpy as np

from h2scale.data import catalog


def text_hash(text: str) -> int:
    """64 bits of a text's SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def mixed(numbers: np.ndarray) -> np.ndarray:
    """splitmix64 of uint64 numbers, one to one: every bit of the input changes half the bits of the output.

    Arrays only, as scalars warn of overflow. Steele, Lea and Flood, OOPSLA 2014.
    """
    values = numbers + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def structure_draws(dataset: catalog.Facts, seed: int) -> np.ndarray:
    """A number for every structure as if drawn at random, shape (n_structures,), uint64.

    Depends on the seed and on the structure's molecule, rung and number among the structures of both, but not on what
    else the dataset holds. Positions, which may lie on disk, are not read.
    """
    rungs_found, rung = dataset.rungs
    molecules_found, molecule = dataset.molecules
    molecule = molecule.astype(np.int64)
    groups, group, sizes = np.unique(molecule * len(rungs_found) + rung, return_inverse=True, return_counts=True)
    names = zip(molecules_found[groups // len(rungs_found)], rungs_found[groups % len(rungs_found)], strict=True)
    hashes = np.array([text_hash(f"{seed}:{name}:{of_rung}") for name, of_rung in names], np.uint64)
    number = np.empty(len(group), np.uint64)
    number[np.argsort(group, kind="stable")] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return mixed(hashes[group] + number)
