"""Name a protocol with its version, so that different prompts or readings are not mixed."""

# Raise it where prompts, or letters read from the same answers, change; a test holds it.
VERSION = 6


def versioned(benchmark: str, protocol: str) -> str:
    """Return a name such as ``cmb:answer@6``."""
    return f"{benchmark}:{protocol}@{VERSION}"
