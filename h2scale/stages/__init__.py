"""The stages that the runner puts in order: each takes the whole config and leaves files in the workdir."""
