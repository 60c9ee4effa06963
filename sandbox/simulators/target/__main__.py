"""`python -m sandbox.simulators.target --port 0 --state target.sqlite --secret whsec_…`"""

from pathlib import Path

from sandbox.simulators.serving import child_arguments, serve
from sandbox.simulators.target.app import create_app


def main() -> None:
    """Run the simulator as a child process."""
    parser = child_arguments("sandbox.simulators.target", "A target of signed entitlements.")
    parser.add_argument("--state", type=Path, required=True, help="SQLite file, made if missing")
    parser.add_argument("--secret", required=True, help="whsec_ and base64: who may tell it")
    arguments = parser.parse_args()
    app = create_app(arguments.state, secret=arguments.secret)
    serve(app, port=arguments.port, exit_with_stdin=arguments.exit_with_stdin)


if __name__ == "__main__":
    main()
