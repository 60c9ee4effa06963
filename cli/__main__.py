"""`python -m cli` is `trueup`."""

from cli.main import main

if __name__ == "__main__":
    main()
