"""Keys for a machine whose owner has set none: generated once, kept in the data folder."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from cockpit.embedded.host import EmbeddedError, locked, read_state, write_state

NAMES = ("secret_key", "vault_key", "token_pepper")


def installation_secrets(folder: Path) -> Mapping[str, str]:
    """Return the secrets of this installation: `secret_key`, `vault_key`, `token_pepper`.

    Each is 32 random bytes in base64, generated when it is first asked for and never again: what
    was sealed or hashed with a lost one cannot be read. One that production sets in the
    environment is never asked for, so nothing is written there.
    """
    return _InstallationSecrets(folder)


class _InstallationSecrets(Mapping[str, str]):
    def __init__(self, folder: Path) -> None:
        self.path = folder.resolve() / "secrets.json"

    def __getitem__(self, name: str) -> str:
        if name not in NAMES:
            raise KeyError(name)
        try:
            return str(self._known().get(name) or self._generate(name))
        except EmbeddedError as error:
            raise SystemExit(f"Cockpit: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def _known(self) -> dict[str, str]:
        return read_state(self.path)

    def _generate(self, name: str) -> str:
        with locked(self.path.with_suffix(".lock")):
            # Another process may have been first.
            known = self._known()
            if name not in known:
                known[name] = base64.b64encode(secrets.token_bytes(32)).decode()
                write_state(self.path, known)
        return known[name]
