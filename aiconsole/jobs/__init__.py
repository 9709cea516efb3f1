"""Background jobs: the scheduler, and one file for each job.

    scheduler = Scheduler(jobs, JobStore(store), clock, zone=ZoneInfo("Europe/Berlin"), random=Random())
    await scheduler.start()          # takes up where the last process left off
    await scheduler.run_now("health")
    await scheduler.aclose()

`job.py` says what a job is, `scheduler.py` when it runs, `running.py` how one run goes, `keeping.py` what must be kept. Nothing
is imported here, so that the command line can name its commands without loading all that.
"""
