"""What all sections of the config have in common."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


def key(default: Any, description: str, unit: str = "", **bounds: Any) -> Any:
    """A config key: its default, what it means, its unit (shown in config.yaml and the schema), its bounds."""
    return Field(default=default, description=description, json_schema_extra={"unit": unit} if unit else {}, **bounds)


Temperature = Annotated[float, Field(gt=0, le=5000)]


class Section(BaseModel):
    """A section refuses keys it does not know, values of another type (yes for 1, "3" for 3) and infinite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
