"""Entry point for `python -m punkmodels`, the form that torchrun requires."""

from punkmodels.cli.app import main

if __name__ == "__main__":
    main()
