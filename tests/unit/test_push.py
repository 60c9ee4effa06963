"""No event goes to an address that is not public, however its name is written or what it means a
moment later."""

import ssl
from collections.abc import Sequence
from ipaddress import ip_network

import pytest
import trustme

from connectors import push
from connectors.push import NotAllowed, post, require_address
from tests.harness.receiver import receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)
PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    # Teredo, with 10.0.0.1 in its last bits, turned over.
    "2001:0:5db8:d822:0:0:f5ff:fffe",
]


class Names:
    """A name server that may say something else each time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers.pop(0)


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(NotAllowed):
        require_address(f"https://{host}/in", ())
    for addresses in ([address], ["93.184.216.34", address]):
        answer = await post("https://crm.example/in", {}, b"{}", resolve=Names(addresses))
        assert answer.status is None
        assert "no public address" in (answer.error or "")


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/in",
        "ftp://crm.example/in",
        "https://",
        "crm.example/in",
        "https://key@crm.example/in",
        "https://crm.example/in#part",
        "https://[::1",
        "http://10.0.0.1/in",
        "http://93.184.216.34/in",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        require_address(url, (*LOOPBACK, ip_network("10.0.0.0/8")))


async def test_plain_text_leaves_this_machine_under_no_name() -> None:
    """`localhost` may be made to mean another machine."""
    allowed = (*LOOPBACK, ip_network("10.0.0.0/8"))
    for address in ("10.0.0.1", "93.184.216.34"):
        names = Names([address])
        answer = await post("http://localhost/in", {}, b"", allowed=allowed, resolve=names)
        assert "must be https://" in (answer.error or "")


async def test_it_goes_to_the_address_that_was_looked_at_under_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("crm.example").configure_cert(server)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    monkeypatch.setattr(push, "_trusted", lambda: trusted)
    async with receiving(tls=server) as receiver:
        port = receiver.url.rpartition(":")[2].removesuffix("/in")
        # Asked a second time, the name would mean another machine.
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        url = f"https://crm.example:{port}/in"
        answer = await post(url, {}, b"{}", allowed=LOOPBACK, resolve=names)
        assert answer.status == 204
        assert receiver.asked[0].headers["host"] == f"crm.example:{port}"
        assert names.asked == 1
        # Who has another name's certificate is not asked anything.
        names = Names(["127.0.0.1"])
        url = f"https://other.example:{port}/in"
        answer = await post(url, {}, b"{}", allowed=LOOPBACK, resolve=names)
        assert answer.status is None
        assert "CERTIFICATE_VERIFY_FAILED" in (answer.error or "")
        assert len(receiver.asked) == 1


async def test_no_redirect_is_followed_and_little_of_an_answer_is_read() -> None:
    async with receiving() as aim, receiving() as receiver:
        receiver.reply = lambda _: (302, "x" * 100_000, {"location": aim.url})
        answer = await post(receiver.url, {}, b"", allowed=LOOPBACK)
        assert (answer.status, answer.taken) == (302, False)
        assert answer.body == "x" * push.SHOWN
        assert aim.asked == []


async def test_what_goes_wrong_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver:
        receiver.reply = lambda _: None
        assert "Protocol" in ((await post(receiver.url, {}, b"", allowed=LOOPBACK)).error or "")
    closed = await post(receiver.url, {}, b"", allowed=LOOPBACK)
    assert (closed.error or "").startswith("ConnectError")
    monkeypatch.setattr(push, "BOUND", 0.0)
    late = await post(receiver.url, {}, b"", allowed=LOOPBACK)
    assert late.error == "no answer within 0 s"
