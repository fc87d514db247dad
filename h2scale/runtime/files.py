"""Files: written whole, by a temporary file in the same folder that is then renamed; locked; and their checksums."""

import contextlib
import fcntl
import hashlib
import io
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def try_lock(path: str | os.PathLike[str]) -> Iterator[bool]:
    """Lock of the operating system on a file; the value is False if another living process holds it.

    It vanishes with its process however that ends, on this machine and over NFS version 4.
    """
    with Path(path).open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes, *, sync: bool = False) -> None:
    """Write a file that appears under its name whole or not at all, even if the process is killed.

    Args:
        path: the file; an older one of that name is replaced.
        content: what it shall hold.
        sync: wait until the content is on the disk before the rename, so that a crash of the machine cannot leave an
            empty file under the name.

    Raises:
        OSError: the disk is full or the folder cannot be written; an older file stays as it was and no temporary file
            is left behind.
    """
    path = Path(path)
    # Threads of one process may write the same path, such as a cached curve.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the content of an .npz file; equal arrays give equal bytes."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # NumPy's annotation takes the arrays for a flag
    return content.getvalue()


def checksum(path: Path) -> str:
    """SHA-256 of a file, or of a folder's file names and contents in order of name; hexadecimal."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inside in sorted(inside for inside in path.rglob("*") if inside.is_file()):
        digest.update(f"{inside.relative_to(path)} {checksum(inside)}\n".encode())
    return digest.hexdigest()
