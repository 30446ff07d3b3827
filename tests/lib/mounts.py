"""File systems of a test's own, gone with its process."""

import ctypes
import os
import pathlib
import subprocess

from harness import Skip

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000


def _unshare(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) == -1:
        raise Skip(f"no private mounts: {os.strerror(ctypes.get_errno())}")


def _mount(*arguments):
    done = subprocess.run(
        ["mount", *arguments], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise Skip(f"mount: {done.stderr.strip()}")


def private():
    """From here on, mounts of this process and its children are theirs."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        _unshare(CLONE_NEWNS)
    else:
        _unshare(CLONE_NEWNS | CLONE_NEWUSER)
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _mount("--make-rprivate", "/")


def tmpfs(path, size):
    """A file system of so many bytes (as "64k") at path, which is made."""
    os.makedirs(path, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path)


def read_only(path):
    """What is at path cannot be written any more."""
    _mount("--bind", path, path)
    _mount("-o", "remount,bind,ro", path)
