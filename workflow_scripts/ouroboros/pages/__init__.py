"""The pages of the report that are text: HTML that stands alone, from templates beside this file."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

ENVIRONMENT = Environment(
    loader=PackageLoader("ouroboros", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_page(path: str | Path, template: str, **values: Any) -> None:
    """Fill a template and write it.

    Raises:
        jinja2.UndefinedError: a value that the template asks for is missing.
    """
    Path(path).write_text(ENVIRONMENT.get_template(template).render(**values), encoding="utf-8")
