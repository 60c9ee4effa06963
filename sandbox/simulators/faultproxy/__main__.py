"""`python -m sandbox.simulators.faultproxy --port 0 --upstream http://127.0.0.1:8000`"""

from sandbox.simulators.faultproxy.app import create_app
from sandbox.simulators.serving import child_arguments, serve


def main() -> None:
    """Run the proxy as a child process."""
    parser = child_arguments("sandbox.simulators.faultproxy", "Fault-injecting HTTP reverse proxy.")
    parser.add_argument("--upstream", required=True, help="base URL of the server behind")
    arguments = parser.parse_args()
    serve(
        create_app(arguments.upstream.rstrip("/")),
        port=arguments.port,
        exit_with_stdin=arguments.exit_with_stdin,
    )


if __name__ == "__main__":
    main()
