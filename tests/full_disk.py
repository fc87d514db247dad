"""A disk that is full: no file of this process may grow beyond a limit, as under a quota."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def limit(num_bytes: int) -> Iterator[None]:
    """Let writes beyond `num_bytes` of a file fail with "File too large" inside."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield  # Python ignores the signal that would otherwise end the process
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
