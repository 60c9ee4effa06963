"""Two workers of a machine need a port each for their metrics, and are told so."""

import socket

import pytest

from runtime.settings import DatabaseSettings, Settings, SettingsError, WorkerSettings
from worker import run


async def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(
            database=DatabaseSettings(dsn="postgresql://nowhere"),
            worker=WorkerSettings(metrics_port=port),
        )
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}: .*--metrics-port"):
            await run(settings, ready=lambda: None)
