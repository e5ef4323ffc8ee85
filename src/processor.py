"""The processor as a script: ``python src/processor.py`` is ``retail process``."""

from retail_pipeline.cli.app import run_command

if __name__ == "__main__":
    run_command("process")
