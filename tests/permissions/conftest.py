"""Both doors, as their own tests have them."""

from tests.api.conftest import api, app, context, routes, tenant_settings
from tests.cli_groups.conftest import settings_file

__all__ = ["api", "app", "context", "routes", "settings_file", "tenant_settings"]
