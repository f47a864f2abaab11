"""Files on disk: atomic writes, checkpoints, locks, the trash, limits of untrusted JSON and YAML."""
