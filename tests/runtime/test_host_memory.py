"""Memory that was freed is used again without asking the kernel, also in blocks larger than glibc's limit."""

import ctypes
import subprocess
import sys

import pytest

MEASURE = """
import ctypes, resource, sys
from h2scale.runtime import host_memory
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "keep":
    assert host_memory.keep_freed_memory()

def use():
    block = library.malloc(96 * 2**20)
    ctypes.memset(block, 1, 96 * 2**20)
    library.free(block)

use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how):
    done = subprocess.run([sys.executable, "-c", MEASURE, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the C library is not glibc")
def test_large_blocks_are_used_again_without_page_faults():
    # Four blocks of 96 MiB: 48 faults each with the largest pages, 24,576 with the smallest.
    assert page_faults("as it is") >= 4 * 48
    assert page_faults("keep") < 20
