"""Zip archives: their files by path, never more than may be deployed, whatever an archive says
about itself.
"""

from __future__ import annotations

import io
import stat
import zipfile

MAX_FILES = 1000
"""Files of one archive."""
MAX_SIZE = 4 * 1024 * 1024
"""Bytes of all Python files of one archive."""
MAX_RATIO = 200
"""Bytes of all Python files for each byte of the archive."""


def unpack(raw: bytes) -> dict[str, bytes]:
    """Return the Python files of an archive by path, and other paths with no bytes.

    Raises `ValueError` for what is not an archive, or only the beginning of one, and for one with
    links, or too many or too large files.
    """
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            sources = [entry for entry in entries if entry.filename.endswith(".py")]
            # reading ends at the size that an entry declares, so that these are true in effect
            size = sum(entry.file_size for entry in sources)
            if len(entries) > MAX_FILES or size > MAX_SIZE or size > MAX_RATIO * len(raw):
                raise ValueError(
                    f"holds over {MAX_FILES} files, over {MAX_SIZE} bytes, or over {MAX_RATIO} times "
                    "its own size"
                )
            for entry in entries:
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise ValueError(f"holds the link {entry.filename!r}")
                if entry.filename in found:
                    raise ValueError(f"holds {entry.filename!r} twice")
                found[entry.filename] = opened.read(entry) if entry in sources else b""
    except ValueError:
        raise
    except Exception as error:  # of a damaged one the library may raise nearly anything
        raise ValueError(f"is no archive that can be read: {error}") from None
    return found
