"""A small shop, its forecast and a backtest's tables, made by hand."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from penchant.dashboard.report import Report
from penchant.data.step import Step
from penchant.interest.calendar import Calendar
from penchant.interest.counts import chance_of
from penchant.interest.history import History, population_of
from penchant.interest.interest import Interest
from penchant.interest.model import make_forecast
from penchant.interest.task import Task
from penchant.interest.topics import Topics

METRICS = {"average_precision": 0.5, "ece": 0.01, "coverage_80": 0.8, "novel_metric": 2.0}


def shop(topics: list[str], users: list[str], steps: int) -> History:
    """Every user buys in every topic in about half of the weeks."""
    random = np.random.default_rng(7)
    u, t, s = np.nonzero(random.random((len(users), len(topics), steps)) < 0.5)
    interest = Interest(
        users_U=np.array(users, dtype=np.str_),
        topics_T=np.array(topics, dtype=np.str_),
        kinds_K=("purchase",),
        step=Step.WEEK,
        origin=Step.WEEK.index_of(date(2017, 1, 2)),
        steps=steps,
        user_N=u.astype(np.int32),
        topic_N=t.astype(np.int32),
        step_N=s.astype(np.int32),
        count_NK=random.integers(1, 4, (len(u), 1)).astype(np.float32),
        money_N=np.ones(len(u), dtype=np.float32),
    )
    items = pa.table({"item": topics, "topic": pa.array(range(len(topics)), pa.int32())})
    parent_T = np.array(["all"] * len(topics), dtype=np.str_)
    vocabulary = Topics(np.array(topics, dtype=np.str_), parent_T, items, 1)
    empty = Calendar(np.zeros((len(topics), 0), np.float32), np.zeros(0, np.float32))
    return History(interest, population_of(interest), vocabulary, empty)


def tables(
    topics: list[str], models: tuple[str, ...] = ("boosted", "popularity")
) -> list[pa.Table]:
    """Scores, reliability and demand at two cutoffs; the first model is the best."""
    scores, bins, demand = [], [], []
    for m, model in enumerate(models):
        for cutoff in (20, 24):
            for window in ("1-4", "5-8", "9-12"):
                where = {"model": model, "cutoff": cutoff, "window": window}
                for metric, value in METRICS.items():
                    value = value - 0.1 * m
                    ends = {"low": value - 0.02, "high": value + 0.02}
                    bounds = ends if metric == "average_precision" else {"low": None, "high": None}
                    scores.append({**where, "metric": metric, "value": value, **bounds})
                for low in (0.0, 0.5):
                    found = {"chance": low + 0.2, "frequency": low + 0.25, "cells": 10}
                    bins.append({**where, "low": low, "high": low + 0.5, **found})
                for t, topic in enumerate(topics):
                    found = {"actual": 10.0 * t, "mean": 12.0, "low": 8, "high": 16}
                    demand.append({**where, "topic": topic, **found})
    return [pa.Table.from_pylist(rows) for rows in (scores, bins, demand)]


def report_of(topics: list[str], users: list[str], steps: int, *, backtest: bool = True) -> Report:
    """A report of a small shop."""
    history, task = shop(topics, users, steps), Task()
    rate_UT = history.interest.decayed_UT(task.target, 12) / 17 + 0.01
    volume_UTW = np.stack([rate_UT * window.length for window in task.windows], axis=2)
    forecast = make_forecast(history, task, chance_of(volume_UTW, 0.5), volume_UTW)
    table, reliability, demand = tables(topics) if backtest else (None, None, None)
    return Report(
        title="A small shop",
        history=history,
        forecast=forecast,
        task=task,
        model="boosted",
        table=table,
        reliability=reliability,
        demand=demand,
    )


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    return report_of


@pytest.fixture(scope="session")
def small() -> Report:
    topics = ["APPLES", "BREAD", "CHEESE", "TEA"]
    return report_of(topics, [f"u{k:02d}" for k in range(12)], 40)
