"""`zato.stats.*`: how services were called."""

from __future__ import annotations

import datetime
from functools import partial
from typing import Final, Literal

from ...payloads import PlainDict
from ...sio.types import Float, Integer
from ..call import Call
from ..declaration import Declared, Work, missing
from ..texts import seconds_of

Period = Literal["day", "week", "month", "year"]

TOP: Final = 10
"""Number of services that are listed unless the caller says another."""
ORDERS: Final = {"mean": "mean", "usage": "count", "slowest": "mean"}
"""What services are sorted by, in Zato's words."""
DAY: Final = datetime.timedelta(days=1)
OUTPUT: Final = (
    "service_name",
    Integer("usage"),
    Float("mean"),
    Float("rate"),
    Float("time"),
    "usage_trend",
    "mean_trend",
    Float("min_resp_time"),
    Float("max_resp_time"),
    Integer("all_services_usage"),
    Float("all_services_time"),
    Float("mean_all_services"),
    Float("usage_perc_all_services"),
    Float("time_perc_all_services"),
)
SPAN: Final = ("start", "stop")


def get_by_service(call: Call) -> PlainDict:
    """Show how a service was called from a time to another."""
    since, until = seconds_of(call, "start"), seconds_of(call, "stop")
    call.input["id"] = call.input["service_id"]
    name = call.service_name()
    found = call.admin("admin.statistics.top", since=since, until=until, text=name, limit=10_000)
    for item in found["items"]:
        if item["name"] == name:
            return rows_of(call, [item], since, until)[0]
    return {"service_name": name, "usage": 0, "mean": 0.0, "rate": 0.0, "time": 0.0}


def get_trends(call: Call) -> list[PlainDict]:
    """List the slowest services, or those used the most, from a time to another."""
    return most(call, seconds_of(call, "start"), seconds_of(call, "stop"))


def get_summary(call: Call, period: Period) -> list[PlainDict]:
    """The same of the day, week, month or year that begins at a time."""
    since = seconds_of(call, "start")
    try:
        start = datetime.datetime.fromtimestamp(since, datetime.UTC)
        until = end_of(start, period).timestamp()
    except (ValueError, OverflowError):
        raise call.refuse(f"start: the {period} of {call.text('start')!r} has no end") from None
    return most(call, since, until)


def end_of(start: datetime.datetime, period: Period) -> datetime.datetime:
    """Return the end of a period."""
    if period == "day":
        return start + DAY
    if period == "week":
        return start + 7 * DAY
    if period == "month":
        return (start.replace(day=1) + 32 * DAY).replace(day=1)
    return start.replace(year=start.year + 1, month=1, day=1)


def most(call: Call, since: float, until: float) -> list[PlainDict]:
    """List the first services by what the caller asks for."""
    order = ORDERS.get(call.text("n_type") or "mean")
    if order is None:
        raise call.refuse(f"n_type: is neither mean nor usage: {call.text('n_type')!r}")
    count = int(call.input.get("n") or TOP)
    found = call.admin(
        "admin.statistics.top", since=since, until=until, order=order, limit=max(1, count)
    )
    return rows_of(call, found["items"], since, until)


def rows_of(call: Call, items: list[PlainDict], since: float, until: float) -> list[PlainDict]:
    """Return the figures of services as Zato shows them."""
    whole = call.admin("admin.statistics.summary", since=since, until=until)["figures"]
    seconds = max(1.0, until - since)
    return [
        {
            "service_name": item["name"],
            "usage": item["count"],
            "mean": item["mean"],
            "rate": round(item["count"] / seconds, 4),
            "time": item["time"],
            "usage_trend": trend(call, item["name"], since, until, "count"),
            "mean_trend": trend(call, item["name"], since, until, "mean"),
            "min_resp_time": 0.0,
            "max_resp_time": item["max"],
            "all_services_usage": whole["count"],
            "all_services_time": whole["time"],
            "mean_all_services": whole["mean"],
            "usage_perc_all_services": round(item["count_share"] * 100, 2),
            "time_perc_all_services": round(item["time_share"] * 100, 2),
        }
        for item in items
    ]


def trend(call: Call, name: str, since: float, until: float, figure: str) -> str:
    """Return a figure of each step of a span, with commas between them."""
    step = (
        "minute" if until - since <= 2 * 3600 else "hour" if until - since <= 3 * 86_400 else "day"
    )
    found = call.admin("admin.statistics.series", name=name, since=since, until=until, step=step)
    return ",".join(str(point["figures"][figure]) for point in found["items"])


def nothing(call: Call) -> None:
    """Do nothing: figures are summed up as calls are counted."""


SUMMED: Final = "it does nothing, as figures are summed up all the time"


def summed(name: str) -> Declared:
    """Return the declaration of a job that Zato runs to sum up figures."""
    return Declared(name, nothing, differs=SUMMED)


def top(name: str, work: Work, *required: str) -> Declared:
    """Return the declaration of a list of services."""
    return Declared(
        name,
        work,
        ("admin.statistics.top", "admin.statistics.series"),
        required=required,
        optional=(Integer("n"), "n_type"),
        output=OUTPUT,
        is_list=True,
        differs="the shortest time is not kept, and is 0",
    )


SERVICES: Final = (
    Declared(
        "zato.stats.get-by-service",
        get_by_service,
        ("admin.statistics.top",),
        required=("service_id", *SPAN),
        output=OUTPUT,
        differs="the shortest time is not kept, and is 0",
    ),
    top("zato.stats.trends.get-trends", get_trends, *SPAN),
    top("zato.stats.summary.get-summary-by-range", get_trends, *SPAN),
    *(
        top(
            f"zato.stats.summary.get-summary-by-{period}",
            partial(get_summary, period=period),
            "start",
        )
        for period in ("day", "week", "month", "year")
    ),
    summed("zato.stats.process-raw-times"),
    *(summed(f"zato.stats.aggregate-by-{step}") for step in ("minute", "hour", "day", "month")),
    *(
        summed(f"zato.stats.summary.create-summary-by-{period}")
        for period in ("day", "week", "month", "year")
    ),
    *missing(
        "statistics are kept for as long as is configured, and end by themselves",
        "zato.stats.delete",
    ),
)
