"""Schemathesis: what the OpenAPI document says is what the service does."""

import json
import re

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mnist_classifier.web.app import create_app
from mnist_classifier.web.settings import ServiceSettings

for media_type in ("image/bmp", "image/tiff"):
    schemathesis.openapi.media_type(media_type, st.binary())
    schemathesis.serializer(media_type)(lambda context, value: value)

schema = schemathesis.openapi.from_dict(create_app(ServiceSettings()).openapi())


@schema.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_the_service_does_what_its_document_says(service, case):
    # A schema cannot say that bytes must be a picture, or n × 784.
    case.call_and_validate(base_url=service.url, excluded_checks=[positive_data_acceptance])


def test_operations_and_schemas_have_names():
    document = create_app(ServiceSettings()).openapi()
    operations = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    names = {"read", "readImages", "explain", "gallery", "health", "ready", "metrics"}
    assert operations == names
    schemas = document["components"]["schemas"]
    assert {"Reading", "Digit", "Judgements", "Explanation", "Gallery", "Problem"} < set(schemas)
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) == set(schemas)
    read = document["paths"]["/v1/read"]["post"]["responses"]
    assert read["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Reading")
    assert read["503"]["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
