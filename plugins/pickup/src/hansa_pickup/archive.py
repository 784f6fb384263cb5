"""Zip archives: their files by path, never more than may be deployed, whatever an archive says of itself."""

from __future__ import annotations

import io
import stat
import zipfile

MOST, LARGEST, RATIO = 1000, 4 * 1024 * 1024, 200
"""Number, bytes in all, and bytes for each byte of the archive, of the files that are read."""


def unpack(raw: bytes) -> dict[str, bytes]:
    """The Python files of an archive, by path, and other paths with nothing.

    Raises `ValueError` for what is no archive, or only the beginning of one, and for one with links, or too many or too large
    files.
    """
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            sources = [entry for entry in entries if entry.filename.endswith(".py")]
            # reading ends at the size that an entry declares, so that these are true in effect
            size = sum(entry.file_size for entry in sources)
            if len(entries) > MOST or size > LARGEST or size > RATIO * len(raw):
                raise ValueError(
                    f"holds over {MOST} files, or over {LARGEST} bytes, or {RATIO} times what it has itself"
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
