"""`python -m nlpkit`."""

from nlpkit.cli import main

if __name__ == "__main__":  # processes that it begins import this module
    main()
