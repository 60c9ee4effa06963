"""The ERP's own Python environment: its programs, started as processes and never imported."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.erp.instance import DATABASE

PLUGIN_FOLDER = Path(__file__).parent / "plugin"

#: What every seeded database has; all that they depend on comes along.
MODULES = (
    "ir",
    "res",
    "account_invoice",
    "account_invoice_defer",
    "account_product",
    "account_tax_rule_country",
    "commission",
)
#: Our own, of the folder ``tryton_trueup``: installed beside them, active where it is asked for.
OPTIONAL_MODULE = "trueup"
_OPTIONAL_PACKAGE = "trytond_trueup"

_ADMIN_SECONDS = 300
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
        names = sorted({path.name for path in self._metadata("tryton*")} - self._ours())
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def module_fingerprint(self) -> str:
        """A digest of the optional module as it is installed, file by file.

        Raises :class:`ErpStartError` if it is not.
        """
        for folder in self._metadata(_OPTIONAL_PACKAGE):
            return hashlib.sha256((folder / "RECORD").read_bytes()).hexdigest()
        raise ErpStartError(
            f"{self.venv} has no Tryton module {OPTIONAL_MODULE}: install ./tryton_trueup there"
        )

    def _ours(self) -> set[str]:
        return {path.name for path in self._metadata(_OPTIONAL_PACKAGE)}

    def _metadata(self, packages: str) -> list[Path]:
        return sorted(self.venv.glob(f"lib/*/site-packages/{packages}-*info"))

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
            await self._run_admin(
                folder,
                config,
                MODULES,
                *("-p", "--email", "admin@example.com"),
                environment={"TRYTONPASSFILE": str(secret)},
            )
        finally:
            secret.unlink()

    async def activate_module(self, folder: Path, config: Path) -> None:
        """Activate the optional module in the database that is in ``folder`` and not served.

        Raises :class:`ErpStartError` with the end of the program's output if it fails.
        """
        await self._run_admin(folder, config, (OPTIONAL_MODULE,))

    async def _run_admin(
        self,
        folder: Path,
        config: Path,
        modules: Sequence[str],
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        process = await asyncio.create_subprocess_exec(
            str(self.program("trytond-admin")),
            *("-c", str(config), "-d", DATABASE, "-u", *modules),
            *("--activate-dependencies", *options),
            env={**self.environment(folder), **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        what = f"making the ERP database in {folder} with {', '.join(modules)}"
        try:
            async with asyncio.timeout(_ADMIN_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise ErpStartError(f"{what} took over {_ADMIN_SECONDS} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            tail = output.decode(errors="replace")[-2000:]
            raise ErpStartError(f"{what} failed with exit code {process.returncode}:\n{tail}")


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
