"""A worker whose namespace is not the one that carries the database's changes out refuses."""

import pytest

from dispatch.belonging import require_same_namespace
from runtime.settings import SettingsError
from tests.dispatch.conftest import Scene
from tests.harness.flow import write


async def test_a_worker_that_is_pointed_at_another_namespace_refuses(scene: Scene) -> None:
    """Every open change would be taken for lost."""
    # The first start says where it is, later ones compare.
    await require_same_namespace(scene.database, scene.client, moved=False)
    await require_same_namespace(scene.database, scene.client, moved=False)
    await write(
        scene.database, "update temporal_namespace set name = 'prod', namespace_id = 'other'"
    )

    with pytest.raises(SettingsError, match=r"namespace prod \(other\).*trueup recover"):
        await require_same_namespace(scene.database, scene.client, moved=False)

    await require_same_namespace(scene.database, scene.client, moved=True)
    await require_same_namespace(scene.database, scene.client, moved=False)
