"""The ERP's own Python environment: its programs, started as processes and never imported."""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from runtime.erp.instance import DATABASE

PLUGIN_FOLDER = Path(__file__).parent / "plugin"

_MODULES = ("ir", "res", "account_invoice", "account_product", "account_tax_rule_country")
_CREATE_SECONDS = 300
_LONG_SESSION_SECONDS = 30 * 24 * 3600


class ErpStartError(Exception):
    """The ERP could not be installed, created or started; the text says what to look at."""


@dataclass(frozen=True)
class ErpInstallation:
    """A virtual environment with ``trytond`` and the modules of the ERP lock file."""

    venv: Path

    def program(self, name: str) -> Path:
        """The path of an installed program. Raises :class:`ErpStartError` if it is missing."""
        path = self.venv / "bin" / name
        if not path.exists():
            raise ErpStartError(
                f"{path} does not exist: install the ERP environment from requirements-erp.lock"
            )
        return path

    def fingerprint(self) -> str:
        """A digest of the installed Tryton versions (their metadata folder names)."""
        self.program("trytond")
        names = sorted(path.name for path in self.venv.glob("lib/*/site-packages/tryton*-info"))
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def environment(self, home: Path) -> dict[str, str]:
        """What the ERP's processes see: nothing inherited that could change their behaviour.

        The clock is UTC, so that the ERP's today is the day all other parts agree on.
        """
        return {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(PLUGIN_FOLDER),
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
        }

    async def create_database(self, folder: Path, config: Path, password: str) -> None:
        """Create the schema of all modules in ``folder`` (half a minute of one core).

        ``password`` becomes that of the user ``admin``. Raises :class:`ErpStartError` with the
        end of the program's output if it fails.
        """
        (folder / f"{DATABASE}.sqlite").touch(mode=0o600)
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(password + "\n", encoding="utf-8")
        try:
            await self._run_admin(folder, config, secret)
        finally:
            secret.unlink()

    async def _run_admin(self, folder: Path, config: Path, secret: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            str(self.program("trytond-admin")),
            *("-c", str(config), "-d", DATABASE, "-u", *_MODULES),
            *("--activate-dependencies", "-p", "--email", "admin@example.com"),
            env={**self.environment(folder), "TRYTONPASSFILE": str(secret)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(_CREATE_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise ErpStartError(
                f"creating the ERP database in {folder} took over {_CREATE_SECONDS} s"
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            tail = output.decode(errors="replace")[-2000:]
            raise ErpStartError(
                f"creating the ERP database failed with exit code {process.returncode}:\n{tail}"
            )


def write_config(path: Path, *, databases: Path, port: int) -> None:
    """Write a server configuration: loopback only, one SQLite file, sessions that stay."""
    path.write_text(
        f"""[database]
uri = sqlite://
path = {databases}
list = False
[web]
listen = 127.0.0.1:{port}
root =
[session]
timeout = {_LONG_SESSION_SECONDS}
max_age = {_LONG_SESSION_SECONDS}
[wsgi middleware]
one_writer = one_writer.OneWriter
""",
        encoding="utf-8",
    )
