"""How the runs of jobs are counted; the host gives one that counts for Prometheus."""

from typing import Protocol


class JobMeter(Protocol):
    """Is told how each run of a job has ended."""

    def record_job(self, lane: str, outcome: str) -> None:
        """Count a run.

        Args:
            lane: of the job.
            outcome: ``done``; ``later``, where it could not go on and says so; ``failed``; and
                ``dead`` besides, where it was given up.
        """
        ...


class NoJobMeter:
    """Counts nothing."""

    def record_job(self, lane: str, outcome: str) -> None:
        """Forget it."""
