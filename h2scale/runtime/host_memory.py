"""Memory of the C library for training steps on a CPU.

XLA allocates a step's temporaries anew at every call. Above 32 MiB glibc maps such a block, the kernel fills it with
zeros page by page as it is touched, and freeing gives it back: for a model of 32 channels and degree 2 that is more
than half of the step. Kept by the process, the same pages serve every step.
"""

import ctypes

# Parameters of mallopt(3), glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3

_LARGEST = 2**31 - 1  # mallopt takes a C int
_GROWTH_BYTES = 64 * 2**20


def keep_freed_memory() -> bool:
    """Let the process keep freed memory for the next allocation; call it once, before the first large one.

    The process then stays as large as it has been at its largest. Computed numbers do not change.

    Returns:
        Whether the C library knows these parameters; glibc does, others allocate as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = {
        _M_MMAP_THRESHOLD: _LARGEST,  # blocks come from the heap, whatever their size,
        _M_TRIM_THRESHOLD: _LARGEST,  # which is never given back,
        _M_TOP_PAD: _GROWTH_BYTES,  # and grows in few large pieces.
    }
    return all([mallopt(parameter, value) == 1 for parameter, value in wanted.items()])
