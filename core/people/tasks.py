"""The jobs of imports and acts on many people."""

from uuid import UUID

from core.people.services import jobs
from core.tenancy.jobs import account_job, fan_out, platform_job


@account_job(name=jobs.WORK)
def work_on_job(*, job_id: str) -> None:
    """Do all that is left of a job's present step."""
    jobs.work_off(UUID(job_id))


@account_job(name="people.resume_lost")
def resume_lost() -> int:
    """Queue the jobs again whose worker died; return how many."""
    return jobs.resume_lost()


@platform_job(name="platform.resume_people_jobs")
def resume_all() -> int:
    """Start `people.resume_lost` in each account; return in how many."""
    return fan_out("people.resume_lost")
