"""`python -m sandbox.simulators.faultproxy --upstream https://api.stripe.com --rules faults.txt`"""

import ssl
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.simulators.faultproxy.app import create_app
from sandbox.simulators.faultproxy.rules import Rule
from sandbox.simulators.faultproxy.script import NoRule, read_rules, rule_of
from sandbox.simulators.faultproxy.telling import Told, untold
from sandbox.simulators.serving import child_arguments, serve


def main() -> None:
    """Run the proxy until it is stopped. Exit code 2 for what it does not understand."""
    parser = _parser()
    arguments = parser.parse_args()
    upstream = arguments.upstream.rstrip("/")
    address = urlsplit(upstream)
    if address.scheme not in ("http", "https") or not address.hostname or address.path:
        parser.error(f"--upstream {upstream!r} is not https:// or http:// and a host")
    try:
        rules = _rules(arguments)
        trusted = None if arguments.ca is None else ssl.create_default_context(cafile=arguments.ca)
    except (NoRule, OSError) as refused:
        parser.error(str(refused))
    told = Told(sys.stderr) if arguments.tell else None
    serve(
        create_app(
            upstream,
            rules=rules,
            seed=arguments.seed,
            trusted=trusted,
            keep_host=arguments.keep_host,
            tell=untold if told is None else told.request,
        ),
        port=arguments.port,
        exit_with_stdin=arguments.exit_with_stdin,
    )
    if told is not None:
        told.summary(arguments.seed)


def _parser() -> ArgumentParser:
    parser = child_arguments(
        "sandbox.simulators.faultproxy",
        "A reverse proxy that injects faults, before a simulator or a vendor's test account.",
    )
    parser.add_argument(
        "--upstream", required=True, help="the server behind: https:// or http:// and a host"
    )
    parser.add_argument("--rules", type=Path, help="a file of rules, one a line")
    parser.add_argument(
        "--rule", action="append", default=[], help='one rule, such as "POST ^/v1/ drop_after"'
    )
    parser.add_argument("--seed", type=int, default=1, help="decides what `chance` hits (1)")
    parser.add_argument("--ca", help="a file of certificates to trust the upstream by")
    parser.add_argument(
        "--keep-host",
        action="store_true",
        help="pass the client's Host on to an https:// upstream too",
    )
    parser.add_argument(
        "--tell", action="store_true", help="write each request and what became of it to stderr"
    )
    return parser


def _rules(arguments: Namespace) -> list[Rule]:
    found = [] if arguments.rules is None else read_rules(arguments.rules)
    return found + [rule_of(line, where="--rule") for line in arguments.rule]


if __name__ == "__main__":
    main()
