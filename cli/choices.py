"""What the global options chose: which settings, which state."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import typer

from runtime.settings import Settings, load

STATE = Path(".trueup")
_SETTINGS = "trueup.toml"


@dataclass(frozen=True)
class Choices:
    """As given before the command; None where nothing was said."""

    config: Path | None = None
    state: Path | None = None

    @property
    def state_folder(self) -> Path:
        return self.state or STATE

    def settings(self) -> Settings:
        """Of --config, else of the stack in --state, else $TRUEUP_CONFIG, `./trueup.toml`, or the
        stack in `.trueup`. Raises SettingsError."""
        return load(self.settings_path())

    def settings_path(self) -> Path:
        if self.config is not None:
            return self.config
        if self.state is not None:
            return self.state / _SETTINGS
        if named := os.environ.get("TRUEUP_CONFIG"):
            return Path(named)
        here, stack = Path(_SETTINGS), STATE / _SETTINGS
        return stack if stack.exists() and not here.exists() else here


def chosen(ctx: typer.Context) -> Choices:
    """What stands before the command."""
    return cast("Choices", ctx.find_root().obj or Choices())


def cache() -> Path:
    """Folder of what all stacks share, such as the seeded ERP database: $TRUEUP_CACHE, else
    `.trueup/cache`."""
    return Path(os.environ.get("TRUEUP_CACHE", str(STATE / "cache"))).absolute()
