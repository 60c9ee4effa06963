"""`python -m sandbox.simulators.zendesk --port 0 --state zendesk.sqlite`"""

from pathlib import Path

from sandbox.simulators.serving import child_arguments, serve
from sandbox.simulators.zendesk.app import create_app
from sandbox.simulators.zendesk.faults import DEFAULT_PER_MINUTE


def main() -> None:
    """Run the simulator as a child process."""
    parser = child_arguments(
        "sandbox.simulators.zendesk", "Wire-level simulator of Zendesk Support."
    )
    parser.add_argument("--state", type=Path, required=True, help="SQLite file, made if missing")
    parser.add_argument("--token", default="simulated", help="the API token it accepts")
    parser.add_argument(
        "--rate-limit", type=int, default=DEFAULT_PER_MINUTE, help="requests a minute"
    )
    parser.add_argument(
        "--strict-fields",
        action="store_true",
        help="ignore organization field keys that were not defined, as Zendesk does",
    )
    arguments = parser.parse_args()
    app = create_app(
        arguments.state,
        token=arguments.token,
        per_minute=arguments.rate_limit,
        strict_fields=arguments.strict_fields,
    )
    serve(app, port=arguments.port, exit_with_stdin=arguments.exit_with_stdin)


if __name__ == "__main__":
    main()
