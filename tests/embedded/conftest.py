"""Stacks and programs for these tests; nothing of them outlives a test."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.processes import Folders, Program
from runtime.settings import ConnectionSettings
from sandbox.embedded.config import StackConfig

MakeProgram = Callable[[str], Program]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(logs=tmp_path / "logs", run=tmp_path / "run")
    made.prepare()
    return made


@pytest.fixture
def program(tmp_path: Path) -> MakeProgram:
    """A Python program of a few lines as a `Program`."""

    def make(text: str) -> Program:
        script = tmp_path / "program.py"
        script.write_text(text, encoding="utf-8")
        return Program(name="thing", argv=(sys.executable, str(script)), start_seconds=10)

    return make


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for stacks. Not pytest's: run by root, PostgreSQL is another account and has to
    pass through to its data, and each pytest that starts closes the folder above `tmp_path`."""
    folder = Path(tempfile.mkdtemp(prefix="trueup-embedded-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def without_tryton(tmp_path: Path) -> StackConfig:
    """The ERP is given, so that a stack starts in a few seconds."""
    secret = tmp_path / "given-erp"
    secret.write_text("given\n", encoding="utf-8")
    return StackConfig(
        connections={
            "tryton": ConnectionSettings(
                vendor="tryton",
                base_url="http://127.0.0.1:9",
                secrets={"api_key": "file:given-erp", "password": "file:given-erp"},
                options={"database": "erp", "login": "admin"},
            )
        },
        folder=tmp_path,
    )
