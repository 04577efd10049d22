"""Entry point of `python -m punkdata`, which is the same as the command `punkdata`."""

from punkdata.cli.app import main

if __name__ == "__main__":
    main()
