"""The control API under `/_sim/`: faults, what is held, and what was asked for."""

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.target.faults import Fault, Faults
from simulators.target.store import Store

_FAULTS = TypeAdapter(list[Fault])


class Control:
    """Endpoints that no target has. They need no signature."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_sim/healthz", self.healthz, methods=["GET"]),
            Route("/_sim/faults", self.set_faults, methods=["POST"]),
            Route("/_sim/faults", self.list_faults, methods=["GET"]),
            Route("/_sim/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_sim/customers", self.list_customers, methods=["GET"]),
            Route("/_sim/customers/{customer_id:path}", self.show_customer, methods=["GET"]),
            Route("/_sim/customers/{customer_id:path}", self.restore_customer, methods=["PUT"]),
            Route("/_sim/customers/{customer_id:path}", self.forget_customer, methods=["DELETE"]),
            Route("/_sim/requests", self.list_requests, methods=["GET"]),
            Route("/_sim/requests", self.clear_requests, methods=["DELETE"]),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Says that it runs."""
        return JSONResponse({"status": "ok"})

    async def set_faults(self, request: Request) -> Response:
        """Arm a list of faults (or one) behind those already armed."""
        body = await request.body()
        document = body if body.lstrip().startswith(b"[") else b"[" + body + b"]"
        try:
            self._faults.arm(_FAULTS.validate_json(document))
        except ValidationError as refused:
            details = refused.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": "control_invalid", "details": details}, 422)
        return JSONResponse(self._listed(), 201)

    async def list_faults(self, _request: Request) -> Response:
        """What is still armed."""
        return JSONResponse(self._listed())

    async def clear_faults(self, _request: Request) -> Response:
        """Disarm all."""
        self._faults.clear()
        return Response(status_code=204)

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

    def _listed(self) -> dict[str, list[dict[str, object]]]:
        return {"faults": [fault.model_dump() for fault in self._faults.listed()]}
