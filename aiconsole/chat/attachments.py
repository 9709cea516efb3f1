"""Files as parts of a message: images and PDFs as they are, anything that reads as text with its name in front.

What a model takes of them is its provider's business; here it is only told what a file is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiconsole.domain.errors import ConfigError
from aiconsole.domain.messages import DocumentPart, ImagePart, TextPart

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_TEXT_BYTES: Final = 2 * 1024 * 1024

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def read_attachment(path: Path) -> ImagePart | DocumentPart | TextPart:
    """Read a file for a message. Blocks for as long as the disk takes; call it in a thread where that matters.

    Raises:
        ConfigError: the file cannot be read, is too large (20 MB; text 2 MB), or is of a kind no provider takes.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                f"{path.name} is {size / 1e6:.0f} MB; a file may have {MAX_BYTES / 1e6:.0f} MB at the most.",
                advice="Make it smaller, or send a part of it.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}.", advice="Check the name and its rights."
        ) from error
    return attachment(data, path.name)


def attachment(data: bytes, name: str) -> ImagePart | DocumentPart | TextPart:
    """A file's bytes as a part, going by their first bytes and not by the file's name.

    Raises:
        ConfigError: as `read_attachment`.
    """
    media_type = media_type_of(data)
    if media_type == "application/pdf":
        return DocumentPart(data, name=name)
    if media_type.startswith("image/"):
        return ImagePart(data, media_type=media_type)
    if len(data) > MAX_TEXT_BYTES:
        raise ConfigError(
            f"{name} holds {len(data) / 1e6:.1f} MB of text; {MAX_TEXT_BYTES / 1e6:.0f} MB is the most.",
            advice="Send a part of it.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if not text or "\0" in text:
        raise ConfigError(
            f"{name} is neither an image, a PDF nor text in UTF-8.", advice="Convert it to one of these and try again."
        )
    return TextPart(f"File {name}:\n\n{text}")


def media_type_of(data: bytes) -> str:
    """The media type of an image or PDF by its first bytes, "" for anything else."""
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""
