"""Hashes that serve as reproducible random numbers, the same on every machine."""

import hashlib

import numpy as np


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
