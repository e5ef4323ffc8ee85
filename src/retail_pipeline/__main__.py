"""``python -m retail_pipeline`` is ``retail``."""

from retail_pipeline.cli.app import main

if __name__ == "__main__":
    main()
