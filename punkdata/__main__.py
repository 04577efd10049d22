"""`python -m punkdata` is `punkdata`."""

from punkdata.cli.app import main

if __name__ == "__main__":
    main()
