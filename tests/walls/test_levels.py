"""Every plugin of the workspace declares a quality level, and none that its tests and README do not
reach. Whether the tests pass is not asked here: they are run.
"""

from __future__ import annotations

import pytest
from hansa_scaffold.levels import level_of
from hansa_scaffold.source import GROUPS, Source

from tools.project import Package, plugins

PLUGINS = [each for each in plugins() if any(each.entry_points(group) for group in GROUPS)]


@pytest.mark.parametrize("plugin", PLUGINS, ids=[each.name for each in PLUGINS])
def test_a_plugin_declares_a_level_that_it_reaches(plugin: Package):
    level = level_of(Source.read(plugin.folder), passed=True)
    assert level.faults == [], str(level)
    assert level.declared, f"its level is {level}: declare it in the entry points hansa.level"
