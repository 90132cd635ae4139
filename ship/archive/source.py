"""Where an archive comes from and how far it is trusted, in the words of whoever asks for it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Source:
    """An archive that somebody's settings name; messages call it, and these settings, as they do."""

    url: str = field(repr=False)  # there may be a password in it
    """Its address: https:, file:, or http: if that is allowed."""
    sha256: str = ""
    """The SHA-256 that it must have, in hexadecimal; any, if it is empty."""
    max_bytes: int
    """How long it may be."""
    max_unpacked_bytes: int
    """How much all its files may take."""
    seconds: float
    """How long the download may take, with all that is tried again."""
    allow_http: bool = False
    """Whether http: is followed, too."""
    noun: str
    """What it is called: "bundle", "archive"."""
    prefix: str
    """What the names of its settings begin with: "BUNDLE_", "ZIP_"."""
    example: str = "x.zip"
    """How such a file is called, in a message that says what an address looks like."""

    def setting(self, name: str) -> str:
        """Return how one of its settings is called: `BUNDLE_MAX_BYTES` for `MAX_BYTES`."""
        return f"{self.prefix}{name}"
