"""The embedded ERP: a real Tryton with demonstration data, as a separate process."""

from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from sandbox.erp.installation import ErpInstallation, ErpStartError
from sandbox.erp.instance import DATABASE, ErpInstance, SeededDatabase
from sandbox.erp.process import TrytonProcess
from sandbox.erp.seeded import CREDENTIALS_FILE, DATABASE_FILE, copy_seeded, recipe

DEFAULT_VENV = Path(__file__).parents[2] / ".venv-erp"


class TrytonServer:
    """A Tryton whose data live in the folder ``state``.

    The first start puts a copy of the seeded database there (from ``cache``, by default
    ``<state>/cache``, where it is built if needed: half a minute once); later starts go on with
    what is there. Use as ``async with TrytonServer(...) as erp`` (an :class:`ErpInstance`), or by
    :meth:`start` and :meth:`stop`. ``module`` activates the optional module of ``tryton_trueup``;
    ``port`` 0 asks for a free one.
    """

    def __init__(
        self,
        state: Path,
        *,
        cache: Path | None = None,
        venv: Path = DEFAULT_VENV,
        module: bool = False,
        port: int = 0,
        admin_password: str | None = None,
    ) -> None:
        self._state = state.resolve()
        self._cache = (cache or state / "cache").resolve()
        self._installation = ErpInstallation(venv.absolute())
        self._module = module
        self._admin_password = admin_password
        self._process = TrytonProcess(self._installation, self._state, port=port)

    @property
    def log(self) -> Path:
        """Of the running server."""
        return self._process.log

    @property
    def credentials_path(self) -> Path:
        """The JSON file (mode 0600) with secrets and ids: a ``SeededDatabase``."""
        return self._state / CREDENTIALS_FILE

    async def start(self) -> ErpInstance:
        """Start and return what callers need to reach it.

        Raises ``ErpStartError`` (with the end of the server's log, or when what is there was made
        by another recipe), ``TrytonRpcError`` if seeding is refused, ``TimeoutError`` if another
        process builds the cache and does not finish.
        """
        if (self._state / DATABASE_FILE).exists():
            seeded = self._kept()
        else:
            seeded = await copy_seeded(
                self._installation,
                self._cache,
                self._state,
                module=self._module,
                admin_password=self._admin_password,
            )
        await self._process.start()
        return ErpInstance(
            url=self._process.url,
            database=DATABASE,
            credentials=seeded.credentials,
            facts=seeded.facts,
        )

    def _kept(self) -> SeededDatabase:
        # Its documents are known to other systems by their ids: it is not replaced behind them.
        stale = ErpStartError(
            f"the ERP in {self._state} was seeded by another version: start on a new state folder, "
            "or remove this one with all that belongs to it"
        )
        try:
            seeded = SeededDatabase.load(self.credentials_path)
        except ValidationError:
            raise stale from None
        if seeded.recipe != recipe(self._installation, module=self._module):
            raise stale
        return seeded

    async def ended(self) -> int:
        """Waits until the server process ends, whoever ends it; its exit code."""
        return await self._process.ended()

    async def stop(self) -> None:
        """End the server process; safe to call twice."""
        await self._process.stop()

    async def __aenter__(self) -> ErpInstance:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
