"""`python -m ouroboros.config`: write config.yaml and the JSON schema at the project's root."""

from pathlib import Path

from .document import SCHEMA, config_yaml, json_schema

Path("config.yaml").write_text(config_yaml(), encoding="utf-8")
Path(SCHEMA).parent.mkdir(exist_ok=True)
Path(SCHEMA).write_text(json_schema(), encoding="utf-8")
