"""What a client sees when a simulator or the proxy drops its connection."""

import httpx

#: The end of the stream or, where the request's body was not read to its end, a reset.
LOST_REPLY = (httpx.RemoteProtocolError, httpx.ReadError)
