"""What simulators have in common under `/_sim/`: that they are there, and their faults."""

from typing import Generic

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.faults import Faults, Kind


class FaultControl(Generic[Kind]):
    """Endpoints that no vendor has. They need no credentials and cost no rate limit."""

    def __init__(self, faults: Faults[Kind], several: TypeAdapter[list[Kind]]) -> None:
        self._faults = faults
        self._several = several

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_sim/healthz", self.healthz, methods=["GET"]),
            Route("/_sim/faults", self.set_faults, methods=["POST"]),
            Route("/_sim/faults", self.list_faults, methods=["GET"]),
            Route("/_sim/faults", self.clear_faults, methods=["DELETE"]),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Says that it runs."""
        return JSONResponse({"status": "ok"})

    async def set_faults(self, request: Request) -> Response:
        """Arm a list of faults (or one) behind those already armed."""
        body = await request.body()
        document = body if body.lstrip().startswith(b"[") else b"[" + body + b"]"
        try:
            self._faults.arm(self._several.validate_json(document))
        except ValidationError as refused:
            return self.refused(refused)
        return JSONResponse(self._listed(), 201)

    async def list_faults(self, _request: Request) -> Response:
        """What is still armed."""
        return JSONResponse(self._listed())

    async def clear_faults(self, _request: Request) -> Response:
        """Disarm all."""
        self._faults.clear()
        return Response(status_code=204)

    def refused(self, refused: ValidationError) -> Response:
        """Says what is wrong with what was sent here."""
        return JSONResponse({"error": "control_invalid", "details": details_of(refused)}, 422)

    def _listed(self) -> dict[str, list[dict[str, object]]]:
        return {"faults": [fault.model_dump() for fault in self._faults.listed()]}


def details_of(refused: ValidationError) -> list[object]:
    """Without the input, which may be anything."""
    return [*refused.errors(include_url=False, include_context=False, include_input=False)]
