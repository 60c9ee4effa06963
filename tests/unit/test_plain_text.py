"""Keys, histories and mail leave the machine encrypted, unless it is said that they need not."""

import pytest
from pydantic import ValidationError

from runtime.settings import ConnectionSettings, NotificationSettings, TemporalSettings


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:12111",
        "http://localhost:8000",
        "http://[::1]:8000",
        "https://erp.example.com",
        "https://10.0.0.7:8000/erp",
    ],
)
def test_a_vendor_here_or_behind_tls_is_taken(url: str) -> None:
    assert ConnectionSettings(vendor="tryton", base_url=url).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example.com",
        "HTTP://erp.example.com",
        "http://10.0.0.7:8000",
        "http://localhost.example.com",
        "http://127.0.0.1@erp.example.com/",
        "http://[fe80::1]/",
    ],
)
def test_a_vendor_elsewhere_is_not_told_keys_in_plain_text(url: str) -> None:
    with pytest.raises(ValidationError, match="plain_text = true"):
        ConnectionSettings(vendor="tryton", base_url=url)
    assert ConnectionSettings(vendor="tryton", base_url=url, plain_text=True).base_url == url


@pytest.mark.parametrize("url", ["", "erp.example.com", "ftp://erp.example.com", "http://[x"])
def test_what_is_no_address_of_a_vendor_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="is no http"):
        ConnectionSettings(vendor="tryton", base_url=url, plain_text=True)


@pytest.mark.parametrize("address", ["127.0.0.1:7233", "localhost:7233", "[::1]:7233"])
def test_a_temporal_here_needs_no_tls(address: str) -> None:
    assert TemporalSettings(address=address).address == address


@pytest.mark.parametrize("address", ["temporal:7233", "10.0.0.7:7233", "acme.tmprl.cloud:7233"])
def test_a_temporal_elsewhere_does(address: str) -> None:
    with pytest.raises(ValidationError, match="tls = true"):
        TemporalSettings(address=address)
    assert TemporalSettings(address=address, tls=True).tls
    assert TemporalSettings(address=address, plain_text=True).plain_text


def test_mail_is_encrypted_but_on_this_machine() -> None:
    def server(host: str, **more: object) -> NotificationSettings:
        given = {"host": host, "sender": "trueup@example.com", **more}
        return NotificationSettings.model_validate(given)

    assert server("127.0.0.1").secured == "none"
    assert server("smtp.example.com").secured == "starttls"
    assert server("smtp.example.com", encryption="tls").secured == "tls"
    with pytest.raises(ValidationError, match="plain_text = true"):
        server("smtp.example.com", encryption="none")
    assert server("smtp.example.com", encryption="none", plain_text=True).secured == "none"
    with pytest.raises(ValidationError, match="go together"):
        server("smtp.example.com", user="trueup")
    with pytest.raises(ValidationError, match="sender"):
        server("smtp.example.com", sender="Fay <fay@example.com>")
