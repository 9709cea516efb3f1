"""A keyring for tests on machines without one."""

from __future__ import annotations

from keyring.backends import SecretService


def memory_keyring(**contents: str) -> SecretService.Keyring:
    """A backend of an allowed class whose calls go to memory: ``KeyStore(environ, backend=memory_keyring(groq="..."))``.

    The class is the real one, so the list of allowed backends is not loosened; only this one object answers by itself.
    """
    backend = SecretService.Keyring()
    kept = {("aiconsole", name): value for name, value in contents.items()}

    def set_password(service: str, name: str, value: str) -> None:
        kept[service, name] = value

    backend.get_password = lambda service, name: kept.get((service, name))
    backend.set_password = set_password
    backend.delete_password = lambda service, name: kept.pop((service, name))
    return backend
