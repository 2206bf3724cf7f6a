"""An import whose worker is killed in the middle goes on, and each line counts once."""

import re
import time
from typing import Any

import pytest

from tests.journeys.installation import Installation, Visitor

# Three batches of an import, so that a kill after the first leaves some undone.
PEOPLE = 1_500
# No worker touches a job for 30 seconds before it counts as lost, and beat looks each minute.
RESUMED_WITHIN = 300


def upload(eve: Visitor) -> str:
    """Upload a file of people for one team, and return the path of its job."""
    lines = "".join(
        f"killed{number}@globex.example,Killed {number},Night shift,Crew\n"
        for number in range(PEOPLE)
    )
    text = f"email,name,organization,team\n{lines}"
    answer = eve.post("/copilot/member/import/", files={"file": ("killed.csv", text)})
    assert answer.status_code == 302, answer.text[:2000]
    return answer.headers["Location"].removesuffix("columns/")


def chosen_columns(page: str) -> dict[str, Any]:
    """Return the columns as they were guessed."""
    found = {}
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="(\d+)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


@pytest.mark.slow
def test_an_import_goes_on_after_its_worker_was_killed_and_does_no_line_twice(
    installation: Installation,
) -> None:
    eve = installation.browse("globex", installation.demo["accounts"]["globex"]["admin"])
    job = upload(eve)
    job_id = job.rstrip("/").rsplit("/", 1)[-1]
    state = "SELECT 1 FROM people_peoplejob WHERE id = %s AND state = %s"
    done = "SELECT count(*) AS n FROM people_peoplejobrow WHERE job_id = %s AND state = 'done'"
    eve.post(
        f"{job}columns/", creates_places="on", **chosen_columns(eve.get(f"{job}columns/").text)
    )
    installation.wait_for("globex", state, job_id, "ready")

    eve.post(f"{job}start/", page=job)
    end = time.monotonic() + 120
    while not 0 < installation.rows("globex", done, job_id)[0]["n"] < PEOPLE:
        assert time.monotonic() < end, installation.log()
        time.sleep(0.02)
    installation.kill("worker")
    at_the_kill = installation.rows("globex", done, job_id)[0]["n"]
    shown = eve.get(job).text
    installation.wait_for("globex", state, job_id, "done", seconds=RESUMED_WITHIN)

    assert 0 < at_the_kill < PEOPLE
    assert "You may leave this page" in shown
    rows = installation.rows(
        "globex",
        """SELECT u.email, count(m.id) AS places, count(DISTINCT m.team_id) AS teams
           FROM identity_user u JOIN copilot_member c ON c.user_id = u.id
           JOIN copilot_membership m ON m.member_id = c.id AND m.archived_at IS NULL
           WHERE u.email LIKE 'killed%%@globex.example' GROUP BY u.email""",
    )
    assert len(rows) == PEOPLE
    # The crew, and `global`.
    assert {(row["places"], row["teams"]) for row in rows} == {(2, 1)}
    outcomes = installation.rows(
        "globex",
        """SELECT state, outcome, count(*) AS n FROM people_peoplejobrow
           WHERE job_id = %s GROUP BY state, outcome""",
        job_id,
    )
    assert [(one["state"], one["outcome"], one["n"]) for one in outcomes] == [
        ("done", "new", PEOPLE)
    ]
    entries = installation.rows(
        "globex",
        """SELECT count(*) AS n, count(DISTINCT target_id) AS people FROM audit_auditentry
           WHERE verb = 'member.imported' AND target_label LIKE 'Killed %%'""",
    )
    assert (entries[0]["n"], entries[0]["people"]) == (PEOPLE, PEOPLE)
    assert f"{PEOPLE:,}" in eve.get(job).text
    assert installation.verify_credits() == ""
