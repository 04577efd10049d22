"""`python -m punkmodels` is `punkmodels`; torchrun needs this form."""

from punkmodels.cli.app import main

if __name__ == "__main__":
    main()
