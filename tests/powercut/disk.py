"""A disk whose power can be cut: an ext4 file system in a file."""

import fcntl
import os
import struct
import subprocess

BYTES = 64 * 1024 * 1024

# EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32), with EXT4_GOING_FLAGS_NOLOGFLUSH: from now on nothing is written, the
# journal neither. Unsynced data is gone at the next mount, as after a power cut; a write under way may be
# torn. A disk's own cache is not simulated: data that left the file system counts as written.
SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)


class Disk:
    def __init__(self, folder):
        self.image = folder / "disk.img"
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.handle = None

    def format(self):
        """Makes an empty file system, and mounts it."""
        with open(self.image, "wb") as image:
            image.truncate(BYTES)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self):
        run("mount", "-t", "ext4", "-o", "loop", self.image, self.folder)
        self.handle = os.open(self.folder, os.O_RDONLY)

    def cut(self):
        fcntl.ioctl(self.handle, SHUTDOWN, NO_LOG_FLUSH)

    def unmount(self):
        """Does nothing if nothing is mounted. No process may have a file open there."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
            run("umount", self.folder)

    def loses_what_was_not_synced(self):
        """Whether a cut works: unsynced bytes and names are gone, synced ones stay."""
        self.format()
        write(self.folder / "synced", sync=True)
        with open(self.folder / "synced", "ab") as file:
            file.write(b"more")
        write(self.folder / "unsynced", sync=False)
        self.cut()
        self.unmount()
        self.mount()
        lengths = {file.name: file.stat().st_size for file in self.folder.iterdir() if file.is_file()}
        self.unmount()
        return lengths == {"synced": 5}


def write(path, sync):
    with open(path, "wb") as file:
        file.write(b"bytes")
        file.flush()
        if sync:
            os.fsync(file.fileno())


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise OSError(f"{command[0]}: {done.stdout.strip()}")
