"""Float64 and strict broadcasting for the whole run, and one cache of compiled programs."""

import atexit
import os
import shutil
import tempfile

# Read when NumPy is imported. On matrices this small a second thread of OpenBLAS only waits: without this the tests of
# electronic structure take five times the processor time beside other work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

if "H2SCALE_TEST_CACHE" not in os.environ:
    # Many tests, and the processes that they start, compile the same programs; workers of xdist inherit the folder.
    os.environ["H2SCALE_TEST_CACHE"] = tempfile.mkdtemp(prefix="h2scale-tests-")
    atexit.register(shutil.rmtree, os.environ["H2SCALE_TEST_CACHE"], ignore_errors=True)
jax.config.update("jax_compilation_cache_dir", os.path.join(os.environ["H2SCALE_TEST_CACHE"], "h2scale", "xla"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture(scope="module")
def compile_quickly():
    """Programs compiled meanwhile are not optimised."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
