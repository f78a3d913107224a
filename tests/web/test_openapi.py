"""Schemathesis: what the OpenAPI document says is what the service does."""

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
