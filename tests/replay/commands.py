"""What a saga asks of Temporal, command by command, as text that people can compare.

A replay checks that commands have the same kind and order; it passes an argument, a timeout or a
cancellation type that has changed. This records the whole command as the workflow gave it.
"""

import json
import re
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import Info

#: Numbers and names that the SDK gives out, another value at each run or no decision of the saga.
_PASSING = ("seq", "activity_id", "protocol_instance_id", "task_queue", "stack_trace", "priority")
_VARYING = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sha256>"),
    (re.compile(r"\bexc_\w+"), "<exception>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<run>"),
    # What tests make up has whole seconds.
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "<now>"),
)
#: Answers to whoever asks; they change nothing.
_NO_COMMAND = "respond_to_query"


class CommandLog:
    """The commands of every run, by run id. Give `plugin` to a client or a Replayer."""

    def __init__(self) -> None:
        self._runs: dict[str, list[str]] = {}
        self.plugin = SimplePlugin(
            "command-log", workflow_runner=lambda runner: _RecordingRunner(_given(runner), self)
        )

    def of(self, run_id: str) -> list[str]:
        """One line a command, in order."""
        return self._runs[run_id]

    @property
    def only(self) -> list[str]:
        """Of the one run that there was."""
        (lines,) = self._runs.values()
        return lines

    def begin(self, run_id: str) -> list[str]:
        """An instance that is made again (after eviction) gives all its commands again."""
        self._runs[run_id] = []
        return self._runs[run_id]


class _RecordingRunner(WorkflowRunner):
    """The worker's own runner, sandbox and all, with an ear at its commands."""

    def __init__(self, runner: WorkflowRunner, log: CommandLog) -> None:
        self._runner, self._log = runner, log

    def prepare_workflow(self, defn: Any) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Recorded(self._runner.create_instance(det), self._log.begin(det.info.run_id))


class _Recorded(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance, lines: list[str]) -> None:
        self._instance, self._lines = instance, lines

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = self._instance.activate(act)
        self._lines += [
            line(command)
            for command in completion.successful.commands
            if command.WhichOneof("variant") != _NO_COMMAND
        ]
        return completion

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


def _given(runner: WorkflowRunner | None) -> WorkflowRunner:
    if runner is None:
        raise ValueError("give the worker or the Replayer a workflow runner to record")
    return runner


def line(command: WorkflowCommand) -> str:
    """`kind field=value …`: every field that is set, fields in alphabetical order."""
    kind = command.WhichOneof("variant")
    if kind is None:
        raise ValueError("a command without a kind: the SDK has changed, look at tests/replay")
    fields = {**_plain(getattr(command, kind)), **_metadata(command)}
    said = " ".join(f"{name}={_text(fields[name])}" for name in sorted(fields))
    return f"{kind} {said}".rstrip()


def _metadata(command: WorkflowCommand) -> dict[str, Any]:
    """The summary that people see in the Web UI."""
    return _plain(command.user_metadata) if command.HasField("user_metadata") else {}


def _plain(message: Message) -> dict[str, Any]:
    return {
        field.name: _value(value)
        for field, value in message.ListFields()
        if field.name not in _PASSING
    } | {
        # A cancellation type of zero (TRY_CANCEL) matters as much as any other.
        name: MessageToDict(message, always_print_fields_with_no_presence=True)["cancellationType"]
        for name in message.DESCRIPTOR.fields_by_name
        if name == "cancellation_type"
    }


def _value(value: Any) -> Any:
    if isinstance(value, Payload):
        return json.loads(value.data) if value.data else None
    if isinstance(value, Message):
        if value.DESCRIPTOR.full_name == "google.protobuf.Duration":
            return MessageToDict(value)
        return _plain(value)
    if hasattr(value, "items"):
        return {key: _value(held) for key, held in sorted(value.items())}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str | int | float):
        return value
    return [_value(held) for held in value]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text
