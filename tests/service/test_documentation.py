"""The operator's page tells the truth."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from je_sharing.settings import Settings

pytestmark = pytest.mark.service

PAGE = (Path(__file__).parents[2] / "docs" / "sharing-service.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_on_the_page_with_its_default(name):
    row = next(
        line for line in PAGE.splitlines() if line.startswith(f"| `JE_SHARING_{name.upper()}`")
    )
    field = Settings.model_fields[name]
    default = field.default
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    if value in ("", None):
        assert "| unset |" in row
    elif isinstance(value, bool):
        assert f"| `{str(value).lower()}` |" in row
    else:
        assert f"| `{value}`" in row
    assert row.endswith(f"| {field.description} |")
