"""The control API under `/_sim/`: faults, what is held, and what was asked for."""

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.control import FaultControl
from sandbox.simulators.target.faults import Fault, Faults
from sandbox.simulators.target.store import Store


class Control(FaultControl[Fault]):
    """And what the target holds."""

    def __init__(self, store: Store, faults: Faults) -> None:
        super().__init__(faults, TypeAdapter(list[Fault]))
        self._store = store

    def routes(self) -> list[Route]:
        return [
            *super().routes(),
            Route("/_sim/customers", self.list_customers, methods=["GET"]),
            Route("/_sim/customers/{customer_id:path}", self.show_customer, methods=["GET"]),
            Route("/_sim/customers/{customer_id:path}", self.restore_customer, methods=["PUT"]),
            Route("/_sim/customers/{customer_id:path}", self.forget_customer, methods=["DELETE"]),
            Route("/_sim/requests", self.list_requests, methods=["GET"]),
            Route("/_sim/requests", self.clear_requests, methods=["DELETE"]),
        ]

    async def list_customers(self, _request: Request) -> Response:
        """What is held of every customer."""
        return JSONResponse({"customers": self._store.all_held()})

    async def show_customer(self, request: Request) -> Response:
        """What is held of one."""
        found = self._store.held(request.path_params["customer_id"])
        return (
            JSONResponse({"error": "unknown_customer"}, 404)
            if found is None
            else JSONResponse(found)
        )

    async def restore_customer(self, request: Request) -> Response:
        """As if the target had been restored from a copy: it holds what it held once."""
        document = await request.json()
        self._store.keep({**document, "customer_id": request.path_params["customer_id"]})
        return Response(status_code=204)

    async def forget_customer(self, request: Request) -> Response:
        """As if the target had lost what it holds of one."""
        known = self._store.forget(request.path_params["customer_id"])
        return Response(status_code=204 if known else 404)

    async def list_requests(self, _request: Request) -> Response:
        """Requests with their headers and bodies, oldest first."""
        return JSONResponse({"requests": self._store.logged()})

    async def clear_requests(self, _request: Request) -> Response:
        """Empty the log."""
        self._store.clear_log()
        return Response(status_code=204)
