"""The stack's files: lock, ports, configuration, settings."""

import json
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.processes import ChildFailed
from runtime.settings import SettingsError
from sandbox.embedded.config import StackConfig
from sandbox.embedded.files import StackBusy, holder, only_one, random_text, secret
from sandbox.embedded.ports import Ports, is_free
from sandbox.embedded.settings_file import toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_toml_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml(document)) == document


def test_one_process_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "stack.lock"
    assert holder(lock) is None
    text = "import sys; from pathlib import Path; from sandbox.embedded.files import only_one\n"
    text += "with only_one(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", text, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert holder(lock) == other.pid
        with pytest.raises(StackBusy, match=rf"process {other.pid}.*trueup down"), only_one(lock):
            pass
        other.kill()
    assert holder(lock) is None
    with only_one(lock):
        assert lock.exists()


def test_secrets_are_kept_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    made = secret(path, random_text)
    assert secret(path, random_text) == made
    assert path.stat().st_mode & 0o777 == 0o600


async def test_ports_stay_unless_taken(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    port = Ports(path).take("api")
    assert Ports(path).take("api") == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        other = Ports(path).take("api")
        assert other != port
    assert json.loads(path.read_text()) == {"api": other}


async def test_a_start_tries_again_on_another_port(tmp_path: Path) -> None:
    tried: list[int] = []
    with socket.socket() as thief:

        async def launch(port: int) -> str:
            tried.append(port)
            if len(tried) == 1:
                thief.bind(("127.0.0.1", port))
                thief.listen()
                raise ChildFailed("address in use")
            return "up"

        assert await Ports(tmp_path / "ports.json").start(("api",), launch) == "up"
    assert len(set(tried)) == 2


async def test_a_start_that_fails_for_another_reason_fails(tmp_path: Path) -> None:
    async def launch(port: int) -> str:
        assert is_free(port)
        raise ChildFailed("no memory")

    with pytest.raises(ChildFailed, match="no memory"):
        await Ports(tmp_path / "ports.json").start(("api",), launch)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_text(
        '[temporal]\naddress = "127.0.0.1:1"\nnamespace = "books"\n'
        '[connections.stripe]\nvendor = "stripe"\nbase_url = "http://127.0.0.1:2"\n'
        'secrets = { api_key = "file:key" }\n'
    )
    config = StackConfig.load(
        file,
        {"TRUEUP_TEMPORAL_ADDRESS": "127.0.0.1:9", "TRUEUP_DATABASE_DSN": "postgresql://h/d"},
    )
    temporal, stripe = config.temporal_settings(), config.connection("stripe")
    assert temporal is not None
    assert (temporal.address, temporal.namespace) == ("127.0.0.1:9", "books")
    assert config.dsn == "postgresql://h/d"
    assert stripe is not None
    assert stripe.secrets == {"api_key": f"file:{tmp_path / 'key'}"}
    assert config.connection("zendesk") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[temporal]\naddres = "x"\n', r"temporal\.addres"),
        ('[connections.sap]\nvendor = "sap"\nbase_url = "x"\n', r"connections\.sap"),
        ("[[", "cannot be read"),
    ],
)
def test_a_wrong_configuration_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "stack.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        StackConfig.load(file, {})
