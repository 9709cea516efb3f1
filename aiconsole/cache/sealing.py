"""Encryption of what the cache writes: AES-256-GCM, a random nonce for each entry, the entry's key bound to it.

The ``cryptography`` package is loaded when this is first used. With nonces of 96 random bits one key may seal 2^32 entries
(NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from typing import Final

_NONCE: Final = 12


class Seal:
    """Seals and opens with one key of 32 bytes.

    Raises:
        ValueError: the key is of another length.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if len(key) != 32:
            raise ValueError("the key has 32 bytes")
        self._cipher = AESGCM(key)

    def seal(self, data: bytes, about: bytes) -> bytes:
        """``data`` encrypted; it opens only with the same ``about``."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, about)

    def open(self, sealed: bytes, about: bytes) -> bytes | None:
        """What was sealed, None where this key, or ``about``, is not the one, or the bytes were changed."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about)
        except (InvalidTag, ValueError):
            return None


def new_key() -> str:
    """A fresh key as text, for a keyring."""
    return b64encode(os.urandom(32)).decode()


def key_from(text: str) -> bytes | None:
    """The key that `new_key` gave, None where the text is not one."""
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        return None
    return key if len(key) == 32 else None
