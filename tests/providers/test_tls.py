"""One TLS context for all who want the same."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme

from aiconsole.domain.errors import ConfigError
from aiconsole.providers.tls import tls_context


def test_contexts_verify_and_are_shared(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    own = tls_context(str(file))
    assert own is tls_context(str(file))
    assert tls_context() is tls_context()
    assert own is not tls_context()
    for context in (own, tls_context()):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname


def test_a_ca_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    before = tls_context(str(file))
    trustme.CA().cert_pem.write_to_path(str(file))
    os.utime(file, (1, 1))
    assert tls_context(str(file)) is not before


def test_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.pem cannot be used: No such file"):
        tls_context(str(tmp_path / "missing.pem"))
    (tmp_path / "empty.pem").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="no certificate in PEM form"):
        tls_context(str(tmp_path / "empty.pem"))
