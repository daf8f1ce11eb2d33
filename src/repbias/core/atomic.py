"""Folders and files that appear whole or not at all, whenever the process is killed (Linux, macOS).

A file or folder that is being written has a temporary name with the machine and the process that writes it, so that the
leftovers of killed processes can be recognised.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

PREFIX = ".partial-"
LEFTOVER_AGE = 24 * 60 * 60.0  # seconds; leftovers of other machines are kept this long
_OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


def write_folder(final: Path, contents: Mapping[str, bytes]) -> bool:
    """Write a folder of files that gets its final name only when it is complete and on the disk.

    Parameters
    ----------
    final : the folder to make; its parent exists.
    contents : bytes by relative path, written in this order.

    Returns
    -------
    Whether the folder was made; False where something already has that name, which is left unchanged.

    Raises
    ------
    OSError : it could not be written, and nothing of it is left.
    """
    with _written(final, contents) as partial:
        try:
            os.rename(partial, final)
        except OSError as error:
            if error.errno in _OCCUPIED:
                return False
            raise
        _sync_folder(final.parent)
    return True


def replace_folder(final: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files in place of an earlier one, which stays until the new one is complete and on the disk.

    Parameters
    ----------
    final, contents : as `write_folder` takes them; `final` may be a folder, of which nothing is kept.

    Raises
    ------
    OSError : the new folder could not be written; an earlier one is unchanged.
    """
    with _written(final, contents) as partial:
        discard(final)
        os.rename(partial, final)
        _sync_folder(final.parent)


@contextlib.contextmanager
def _written(final: Path, contents: Mapping[str, bytes]) -> Iterator[Path]:
    """Give a folder of files beside `final` that is complete and on the disk; what is left of it is deleted."""
    partial = _partial(final)
    try:
        partial.mkdir()
        for name, data in contents.items():
            (partial / name).parent.mkdir(exist_ok=True)
            _write_synced(partial / name, data)
        for folder in {(partial / name).parent for name in contents} | {partial}:
            _sync_folder(folder)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_file(path: Path, data: bytes) -> None:
    """Write or replace a file so that a reader sees either the old or the new one, complete.

    Raises
    ------
    OSError : it could not be written; an earlier file is unchanged.
    """
    partial = _partial(path)
    try:
        _write_synced(partial, data)
        os.replace(partial, path)
        _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Delete a folder or file so that its name is free at once and never names a part of it."""
    partial = _partial(path)
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        os.rename(path, partial)
        _delete(partial)


def probe(folder: Path) -> None:
    """Raise OSError unless a file can be made, written and removed in `folder`; root may ignore permission bits."""
    partial = _partial(folder / "probe")
    try:
        _write_synced(partial, b"probe")
    finally:
        partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove leftovers of killed processes in `folder`, but nothing that a running process is writing."""
    for path in folder.glob(f"{PREFIX}*"):
        if _is_leftover(path):
            _delete(path)


def _partial(final: Path) -> Path:
    return final.with_name(f"{PREFIX}{final.name}-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}")


def _machine() -> str:
    """Return a name without dashes for the machine, or the container, in which process numbers are unique."""
    namespace = ""
    with contextlib.suppress(OSError):  # containers may share a host name but number their processes separately
        namespace = os.readlink("/proc/self/ns/pid")
    host = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:64]
    return host + "." + re.sub(r"\D", "", namespace)


def _is_leftover(path: Path) -> bool:
    parts = path.name.removeprefix(PREFIX).rsplit("-", 3)
    if len(parts) == 4 and parts[1] == _machine() and parts[2].isdecimal():
        return not _is_running(int(parts[2]))
    try:
        return time.time() - path.lstat().st_mtime > LEFTOVER_AGE
    except FileNotFoundError:
        return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _delete(path: Path) -> None:
    """Delete as far as this user may; the name is temporary, so leftovers do no harm."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk; otherwise a power failure could undo renames."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
