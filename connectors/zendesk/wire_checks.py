"""What is read of Zendesk when a connection is looked at: who we are, fields, webhooks, triggers.

Source: https://developer.zendesk.com/api-reference/ticketing/users/users/#show-self,
.../ticketing/organizations/organization_fields/, .../webhooks/webhooks-api/webhooks/ and
.../ticketing/business-rules/triggers/.
"""

from typing import Any

from pydantic import Field, SecretStr

from connectors.zendesk.wire import PageMeta, RecordId, Wire


class User(Wire):
    #: None for one whom Zendesk does not know.
    id: int | None
    role: str


class Me(Wire):
    user: User


class FieldShown(Wire):
    key: str
    active: bool
    type: str


class Fields(Wire):
    organization_fields: list[FieldShown]
    meta: PageMeta | None = None


class Webhook(Wire):
    id: str
    endpoint: str
    status: str
    http_method: str
    request_format: str


class Webhooks(Wire):
    webhooks: list[Webhook]


class WebhookAnswer(Wire):
    webhook: Webhook


class SigningSecret(Wire):
    secret: SecretStr


class SecretAnswer(Wire):
    signing_secret: SigningSecret


class Action(Wire):
    field: str
    value: Any = None


class Trigger(Wire):
    id: RecordId
    title: str
    actions: list[Action] = Field(default_factory=list)


class Triggers(Wire):
    triggers: list[Trigger]
