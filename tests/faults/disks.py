"""Cuts the power of mounted ext4 disks, or brings them back: disks.py cut|restore MOUNT=IMAGE..."""

import fcntl
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../powercut"))

from disk import NO_LOG_FLUSH, SHUTDOWN


def cut(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, SHUTDOWN, NO_LOG_FLUSH)
    finally:
        os.close(handle)


def restore(folder, image):
    subprocess.run(["umount", folder], check=True)
    subprocess.run(["mount", "-t", "ext4", "-o", "loop", image, folder], check=True)


disks = [argument.split("=", 1) for argument in sys.argv[2:]]
for folder, image in disks:
    cut(folder) if sys.argv[1] == "cut" else restore(folder, image)
