"""Schemathesis over the OpenAPI document: what is documented is what is answered, and no 500."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from running_service import bearer
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def document(plain_service):
    return schemathesis.openapi.from_url(f"{plain_service.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_call_answers_as_documented(case, plain_service):
    token = plain_service.token()
    case.call_and_validate(
        headers=bearer(token),
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
