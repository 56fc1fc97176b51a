"""Models of requests and responses, for the OpenAPI document."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

ReadableId = Annotated[
    str, Field(pattern=r"^[a-z]+(-[a-z]+){2,3}$", examples=["calm-silver-brave-otter"])
]


class Token(BaseModel):
    """A token."""

    token: str = Field(description="JWT, signed with HS256.")


class NotebookIds(BaseModel):
    """The ids of a notebook."""

    id: UUID
    domain_id: str = Field(description="Constant; part of the contract.")
    readable_id: ReadableId


class Saved(BaseModel):
    """Response to a share or an update."""

    message: str
    notebook: NotebookIds


class Retrieved(BaseModel):
    """A notebook with its content."""

    id: UUID
    domain_id: str
    readable_id: ReadableId
    content: dict[str, Any] = Field(description="The notebook, exactly as it was sent.")


class History(BaseModel):
    """When a notebook was shared."""

    readable_id: ReadableId
    taken_at: list[AwareDatetime] = Field(description="Oldest first; each is a value for `at`.")


class Error(BaseModel):
    """An error."""

    error_code: str = Field(examples=["NOT_FOUND"])
    message: str
    timestamp: AwareDatetime
    details: dict[str, Any] | None = None


class Health(BaseModel):
    """The state of the service."""

    status: str = Field(examples=["ok"])


_NOTEBOOK: dict[str, Any] = {
    "type": "object",
    "description": "A notebook in nbformat 4.0 to 4.5.",
    "required": ["nbformat", "nbformat_minor", "metadata", "cells"],
    "properties": {
        "nbformat": {"const": 4},
        "nbformat_minor": {"type": "integer", "minimum": 0, "maximum": 5},
        "metadata": {"type": "object"},
        "cells": {"type": "array", "items": {"type": "object"}},
    },
}


def json_body(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """Describe a body of JSON."""
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


NOTEBOOK_BODY = json_body(_NOTEBOOK)
SHARE_BODY = json_body(
    {
        "type": "object",
        "required": ["notebook"],
        "properties": {
            "notebook": _NOTEBOOK,
            "password": {
                "type": ["string", "null"],
                "description": "Allows updates from other sessions later; empty for none.",
            },
        },
    }
)
ISSUE_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "notebook_id": {"type": ["string", "null"], "format": "uuid"},
            "password": {"type": ["string", "null"]},
        },
    },
    required=False,
)
REFRESH_BODY = json_body(
    {
        "type": "object",
        "required": ["token"],
        "properties": {"token": {"type": "string"}},
    }
)


def parameter(name: str, where: str, description: str, **schema: Any) -> dict[str, Any]:
    """Describe a parameter.

    Parameters
    ----------
    name
        Its name.
    where
        `path` or `query`.
    description
        What it is.
    **schema
        Its JSON schema.

    Returns
    -------
    dict
        A parameter object of OpenAPI.
    """
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


UUID_PATH = parameter("notebook_id", "path", "The notebook's UUID.", format="uuid")
READABLE_PATH = parameter("readable_id", "path", "The notebook's readable id.")
AT_QUERY = parameter(
    "at", "query", "Show what the notebook held at this time (ISO 8601).", format="date-time"
)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document error responses."""
    return {status: {"model": Error} for status in statuses}
