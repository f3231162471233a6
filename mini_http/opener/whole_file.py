"""Writing a file so that there is the old one or the new one, and never a part."""

from __future__ import annotations

import os


def write_whole(path: str, content: bytes) -> None:
    """Writes a file for its owner alone (mode 0600). A link is followed. Raises OSError.

    Where it fails, the old file is as it was.
    """
    import tempfile

    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    descriptor, unfinished = tempfile.mkstemp(".part", f"{name}.", folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            # Else a crash of the machine may leave the new name with nothing in it.
            os.fsync(descriptor)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
