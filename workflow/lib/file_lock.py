"""Lock a file that the calling shell has open: file_lock.py [--wait] DESCRIPTOR MESSAGE.

The lock belongs to the open file, not to this process: the shell holds it until it ends, however it
ends. flock(1) does the same, but macOS has none. MESSAGE is printed if a second process holds the
lock: as an error with exit code 1, or with --wait before waiting for it.
"""

import errno
import fcntl
import sys

HELD = (errno.EACCES, errno.EAGAIN)


def lock(descriptor: int, message: str, wait: bool) -> int:
    """Take the lock; return the exit code."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in HELD:
            text = f"this file system has no locks ({error.strerror}). Use a clone on another one."
            print(f"error: {text}", file=sys.stderr)
            return 2
        if not wait:
            print(f"error: {message}", file=sys.stderr)
            return 1
        print(message, flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--wait"]
    sys.exit(lock(int(words[0]), words[1], "--wait" in sys.argv[1:]))
