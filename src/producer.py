"""The producer as a script: ``python src/producer.py`` is ``retail produce``."""

from retail_pipeline.cli.app import run_command

if __name__ == "__main__":
    run_command("produce")
