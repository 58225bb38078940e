"""What a run will take, before it starts: `python -m ouroboros.plan my.yaml`."""
