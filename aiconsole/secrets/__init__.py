"""Keys: the type they travel in, where they are kept, and the filter that keeps them out of files.

key = Key(pasted)             # cannot be printed, logged, pickled or encoded; key.reveal() is the one way out
store = KeyStore(os.environ)  # the OS keyring, the usual environment variables, or this run only
REDACTOR.redact(text)         # the second wall, for logs, exports and crash reports
"""

from __future__ import annotations

from aiconsole.secrets.key import Key, proxy_with_password
from aiconsole.secrets.redaction import MINIMUM, REDACTED, REDACTOR, Redactor
from aiconsole.secrets.secure import SecureStoreUnavailable
from aiconsole.secrets.store import KEY_VARIABLES, PROXY, BackendState, KeySource, KeyStore

__all__ = [
    "KEY_VARIABLES",
    "MINIMUM",
    "PROXY",
    "REDACTED",
    "REDACTOR",
    "BackendState",
    "Key",
    "KeySource",
    "KeyStore",
    "Redactor",
    "SecureStoreUnavailable",
    "proxy_with_password",
]
