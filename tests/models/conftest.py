"""Programs of the model tests are compiled without optimisation: half the time, and the laws hold either way."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _compile_quickly():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
