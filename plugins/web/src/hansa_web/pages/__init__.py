"""The pages: a module for each subject, and the one table of them all."""

from __future__ import annotations

from ..page import Page
from . import (
    audit,
    changes,
    configuration,
    dashboard,
    definition_forms,
    definitions,
    deploy,
    failed,
    find,
    following,
    help,
    jobs,
    landscape,
    lists,
    me,
    messages,
    plugins,
    problems,
    queue,
    samples,
    servers,
    services,
    statistics,
)

PAGES: tuple[Page, ...] = (
    *dashboard.PAGES,
    *landscape.PAGES,
    *problems.PAGES,
    *statistics.PAGES,
    *messages.LOG_PAGES,
    *find.PAGES,
    *failed.PAGES,
    *queue.PAGES,
    *messages.PAGES,
    *services.PAGES,
    *samples.PAGES,
    *lists.PAGES,
    *definitions.PAGES,
    *jobs.PAGES,
    *deploy.PAGES,
    *changes.PAGES,
    *configuration.PAGES,
    *servers.PAGES,
    *plugins.PAGES,
    *lists.ACCOUNT_PAGES,
    *me.PAGES,
    *audit.PAGES,
    *help.PAGES,
    *definition_forms.PAGES,
    *following.PAGES,
)
"""All pages of a cluster; the order of those with a group is that of the navigation."""
