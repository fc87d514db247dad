"""Float64 and strict broadcasting for the whole run, one thread, and one cache of programs that compile quickly."""

import atexit
import os
import shutil
import tempfile

# What follows is read when NumPy and JAX are imported, here and in the processes that tests start.

# On matrices this small a second thread only waits, and takes several times the processor time beside other work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Programs run for less time than they take to compile, and the laws hold without optimisation too.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
if "H2SCALE_TEST_CACHE" not in os.environ:
    # Many tests, and the processes that they start, compile the same programs; workers of xdist inherit the folder.
    os.environ["H2SCALE_TEST_CACHE"] = tempfile.mkdtemp(prefix="h2scale-tests-")
    atexit.register(shutil.rmtree, os.environ["H2SCALE_TEST_CACHE"], ignore_errors=True)
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.path.join(os.environ["H2SCALE_TEST_CACHE"], "h2scale", "xla")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
