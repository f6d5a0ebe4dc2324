"""One Spark application shared between users: by Spark's own pools, or by jobs that the driver releases in turn."""

from evenly.hosts.spark.fair_share import FairShare
from evenly.hosts.spark.job import Job, JobFailedError
from evenly.hosts.spark.pools import Pools

__all__ = ["FairShare", "Job", "JobFailedError", "Pools"]
