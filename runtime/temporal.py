"""The way to Temporal: one kind of client, and what a namespace must have before we use it."""

import asyncio
import functools
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode

from runtime.settings import TemporalSettings, resolve
from workflows.names import SEARCH_ATTRIBUTES

#: Closed sagas stay readable in the Web UI for this long; what must stay longer is in PostgreSQL.
RETENTION = timedelta(days=30)

_LOOKS = 300
_LOOK_SECONDS = 0.1
_CALL = timedelta(seconds=10)

log = structlog.get_logger(__name__)


class TemporalNotReady(Exception):
    """The namespace lacks something that we could not add; the text says what to add."""


async def connect(
    temporal: TemporalSettings,
    *,
    folder: Path = Path(),
    lazy: bool = False,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """A client as every part of Trueup uses it; `lazy` connects at the first call. Workers of a
    client have its `interceptors`, too.

    `folder` is what a relative secret reference starts from (`Settings.folder`). Raises
    RuntimeError when the server does not answer, SettingsError for a bad secret reference.
    """
    key = temporal.api_key
    return await Client.connect(
        temporal.address,
        namespace=temporal.namespace,
        data_converter=pydantic_data_converter,
        api_key=None if key is None else resolve(key, folder, "temporal.api_key"),
        tls=temporal.tls,
        lazy=lazy,
        interceptors=interceptors,
        runtime=_runtime(),
    )


@functools.cache
def _runtime() -> Runtime:
    """The engine's core, whose log is ours: by itself it writes coloured lines between them."""
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(logger=logging.getLogger("temporalio.core")),
            )
        )
    )


async def reachable(temporal: TemporalSettings) -> bool:
    """Whether the server answers and the namespace exists."""
    try:
        client = await Client.connect(
            temporal.address,
            namespace=temporal.namespace,
            tls=temporal.tls,
            runtime=_runtime(),
        )
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=temporal.namespace), timeout=_CALL
        )
    except (RuntimeError, RPCError):
        return False
    return True


async def prepare(client: Client) -> None:
    """Register our search attributes and lift the retention to 30 days. Safe to run again.

    Raises TemporalNotReady when an attribute is missing and may not be added by us, RPCError when
    the server cannot be reached.
    """
    await _register_search_attributes(client)
    await _lift_retention(client)


async def _register_search_attributes(client: Client) -> None:
    wanted = {key.name: _indexed(key.indexed_value_type) for key in SEARCH_ATTRIBUTES}
    missing = wanted.keys() - await _search_attributes(client)
    if not missing:
        return
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes={name: wanted[name] for name in sorted(missing)},
            ),
            timeout=_CALL,
        )
    except RPCError as fault:
        if fault.status not in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            raise
        raise TemporalNotReady(
            f"the namespace {client.namespace!r} lacks the search attributes "
            f"{', '.join(sorted(missing))} (type Keyword) and we may not add them: add them as its "
            "administrator"
        ) from fault
    # The server takes a moment until it accepts them for a workflow.
    for _ in range(_LOOKS):
        if not wanted.keys() - await _search_attributes(client):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise TemporalNotReady(
        f"the namespace {client.namespace!r} does not show the search attributes that were just "
        "added: look at the Temporal server, then start again"
    )


async def _search_attributes(client: Client) -> set[str]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=_CALL
    )
    return set(answer.custom_attributes)


def _indexed(kind: int) -> "IndexedValueType.ValueType":
    return IndexedValueType.ValueType(kind)


async def _lift_retention(client: Client) -> None:
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=_CALL
    )
    if found.config.workflow_execution_retention_ttl.ToTimedelta() >= RETENTION:
        return
    ttl = Duration()
    ttl.FromTimedelta(RETENTION)
    try:
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(
                namespace=client.namespace,
                config=NamespaceConfig(workflow_execution_retention_ttl=ttl),
            ),
            timeout=_CALL,
        )
    except RPCError as fault:
        if fault.status not in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            raise
        log.warning(
            "temporal.retention_short",
            namespace=client.namespace,
            advice="set the namespace's retention to 30 days or more as its administrator",
        )
