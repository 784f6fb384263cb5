"""The kind `data` with its types `dictionary` and `translation`: a definition is a whole table."""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Definition

from .lookup import Dictionaries
from .settings import DictionarySettings, TranslationSettings

KIND = "data"


class Dictionary(Definition[DictionarySettings]):
    """The values that one system knows for one key."""

    kind = KIND
    type = "dictionary"

    @classmethod
    def claims(cls, config: DictionarySettings) -> Iterable[str]:
        """Return its system and key, which have one dictionary."""
        return [f"the dictionary {config.system}/{config.key}"]

    def start(self) -> None:
        """Have its values count in this worker."""
        config = self.config
        dictionaries = self.server.resource(Dictionaries)
        dictionaries.put_values(self, (config.system, config.key), config.values)

    def withdrawn(self) -> None:
        """Have them count no more, unless another dictionary took its place."""
        config = self.config
        dictionaries = self.server.resource(Dictionaries)
        dictionaries.drop_values(self, (config.system, config.key))

    def ping(self) -> str:
        """Return how many values it has."""
        return f"{len(self.config.values)} values"


class Translation(Definition[TranslationSettings]):
    """What the values of a key of one system are in another."""

    kind = KIND
    type = "translation"

    @classmethod
    def claims(cls, config: TranslationSettings) -> Iterable[str]:
        """Return its direction, which has one translation."""
        return [f"the translation {'/'.join(direction_of(config))}"]

    def start(self) -> None:
        """Have it count in this worker."""
        config = self.config
        values = {row.value1: row.value2 for row in config.rows}
        dictionaries = self.server.resource(Dictionaries)
        dictionaries.put_translations(self, direction_of(config), values, config.default)

    def withdrawn(self) -> None:
        """Have it count no more, unless another translation took its place."""
        self.server.resource(Dictionaries).drop_translations(self, direction_of(self.config))

    def ping(self) -> str:
        """Return how many values it translates."""
        return f"{len(self.config.rows)} values"


def direction_of(config: TranslationSettings) -> tuple[str, str, str, str]:
    """Return what a translation is between."""
    return config.system1, config.key1, config.system2, config.key2
