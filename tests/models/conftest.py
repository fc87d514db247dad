"""Programs of the model tests are compiled without optimisation: half the time, and the laws hold either way."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly(compile_quickly):
    """For every test of this folder."""
