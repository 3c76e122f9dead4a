"""Whole data sets: a task for every example, by any number of workers, on disk, nothing lost."""

from taylorattr.datasets.dataset_result import DatasetResult, EffectStatistics
from taylorattr.datasets.job import TASKS
from taylorattr.datasets.map_dataset import map_dataset

__all__ = ["TASKS", "DatasetResult", "EffectStatistics", "map_dataset"]
