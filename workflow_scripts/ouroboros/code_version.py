"""Which code ran: a digest of the library's sources, and the commit."""

import hashlib
import subprocess
from pathlib import Path

LIBRARY = Path(__file__).parent


def source_digest() -> str:
    """The library's sources as 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for source in sorted([*LIBRARY.rglob("*.py"), *LIBRARY.rglob("*.cpp")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def code_version() -> str:
    """The digest of the sources, and the git commit where they are a checkout."""
    command = ["git", "-C", str(LIBRARY), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        commit = ""
    return f"sources {source_digest()}" + (f", git {commit}" if commit else "")
