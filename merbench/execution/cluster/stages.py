"""Trained stages on their way from the store to the tasks that start from them."""

from __future__ import annotations

from collections.abc import Iterable

from distributed import Client, Future

from merbench.execution.cluster import host
from merbench.store.packed import PackedFolder, pack
from merbench.store.store import Store


class LentStages:
    """Futures of stored stages, each for as long as a task needs it.

    A stage goes out from the store, so that whatever is trained from it starts from what is kept,
    and no lost worker takes it along: Dask can make the future again without training.

    Args:
        client: of the cluster.
        store: where they lie.
        token: of the run.
    """

    def __init__(self, client: Client, store: Store, token: str) -> None:
        self._client, self._store, self._token = client, store, token
        self._futures: dict[str, Future[PackedFolder]] = {}
        self._users: dict[str, int] = {}

    def lend(self, key: str) -> Future[PackedFolder]:
        """Return the future of a stage; give it back when it is no longer needed.

        Raises:
            OSError: it does not lie in the store.
        """
        if key not in self._futures:
            packed = pack(self._store.stages / key, key)
            name = f"stage-{key[:16]}-{self._token}"
            self._futures[key] = self._client.submit(host.carry, packed, key=name, pure=False)
        self._users[key] = self._users.get(key, 0) + 1
        return self._futures[key]

    def give_back(self, keys: Iterable[str]) -> None:
        """Let go of stages that one task needed."""
        for key in keys:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                self._futures.pop(key).release()
