"""The day itself, on the database of DATABASE_URL and in its surroundings: `python -m bench.day.run FOLDER ...` prints JSON.

Everything is done by the portal's own roads: the import's job, pages over the web, commands by two managers at once, tasks.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import User
from django.core.files import File
from django.db import connection
from django.utils import timezone

from bench.day import checks, facts, pictures
from bench.day.workers import ROOT, Workers
from claims import contact_files, settlement, workflow
from claims.models import Award, Bonus, Claim, Evidence, Letter, PayoutBatch, PayoutLine, Verdict
from claims.terms import PRESETS
from jobs.models import Job

PATIENCE = 1_200.0  # seconds that a stage may take
SCREENS = 3  # processes that upload at the same time
LEFT_BEHIND = 0.01  # share of the payout that treasury cannot pay at first


class Day:
    """One day: what happened in it, how long it took, and what was wrong at its end."""

    def __init__(self, chosen: argparse.Namespace):
        self.chosen, self.folder = chosen, chosen.folder
        self.world = facts.make(chosen.contacts, chosen.folder)
        self.figures: dict[str, float] = {}
        self.said: list[tuple[int, str, str]] = []
        self.wrong: list[str] = []

    def live(self) -> None:
        """From the first contact to the last letter, while one of two workers dies all the time."""
        command("sync_schedules", "--verbosity", "0")
        began = time.monotonic()
        with Workers(self.folder / "workers.log", kill_every=self.chosen.kill_every) as workers:
            for stage in (self.take_in, self.bring_files, self.publish, self.review, self.decide, self.pay, self.write):
                stage()
            self.figures["kills by SIGKILL"] = workers.kills
        self.figures["seconds in all"] = time.monotonic() - began

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.figures[f"{what}, s"] = time.monotonic() - began
        print(f"{self.figures[f'{what}, s']:8.1f} s  {what}", file=sys.stderr, flush=True)

    def take_in(self) -> None:
        """The helpdesk's file twice, as two agents might: looked at, confirmed, taken in by the workers."""
        with self.timed("contacts taken in"):
            for who in ("ana", "bo"):
                with self.world.contacts.open("rb") as content:
                    named = {"name": f"{who}.csv", "content": File(content), "timezone": ""}
                    file = contact_files.look_at(self.world.incident, by=person(who), now=timezone.now(), **named)
                contact_files.confirm(file, by=person(who), now=timezone.now())
            wait_until(lambda: not Job.objects.unfinished().filter(task="claims.tasks.take_contacts_in").exists())
        self.figures |= {"contacts": self.chosen.contacts, "claims": Claim.objects.count()}
        self.figures["contacts a second"] = self.chosen.contacts / self.figures["contacts taken in, s"]

    def bring_files(self) -> None:
        """Agents at several screens at once, over the web."""
        folder = self.folder / "uploads"
        laid = pictures.lay_out(folder, self.chosen.uploads, images=self.chosen.images)
        with self.timed("files uploaded"):
            answers = at_once(hand("upload", "ana" if n % 2 else "bo", n, SCREENS, folder) for n in range(SCREENS))
        self.said = [tuple(line) for answer in answers for line in answer["said"]]
        self.figures |= {"uploads": laid, "uploads a second": laid / self.figures["files uploaded, s"]}
        self.figures["uploads refused with a reason"] = sum(1 for *_upload, refusal in self.said if refusal)

    def publish(self) -> None:
        """The policy comes into force, a manager has everything assessed; two workers share it."""
        policy = workflow.draft_policy(
            self.world.incident, PRESETS["s1-btcc"].read_text(), by=person("mia"), now=timezone.now()
        )
        workflow.publish_policy(policy, by=person("max"), now=timezone.now())
        workflow.queue_assessment(self.world.incident, hands=2, by=person("mia"), now=timezone.now())
        self.assessed("claims assessed")

    def review(self) -> None:
        """Two agents look at the same files at once."""
        wait_until(lambda: not Evidence.objects.filter(inspected_at__isnull=True).exists())
        with self.timed("files reviewed"):
            at_once(hand("review", who, 0, 1) for who in ("ana", "bo"))
        self.figures["files reviewed"] = Evidence.objects.exclude(status="received").count()
        self.assessed("claims assessed again")

    def assessed(self, what: str) -> None:
        with self.timed(what):
            wait_until(lambda: not Claim.objects.filter(status="submitted").exists() and not under_way("assess"))

    def decide(self) -> None:
        """Both managers press both buttons at once."""
        with self.timed("bonuses and approvals"):
            pair = [
                manage(verb, facts.REFERENCE, "--by", who)
                for verb in ("grant_bonuses", "approve")
                for who in ("mia", "max")
            ]
            at_once(pair, may_fail=True)
        self.figures |= {"bonuses": Bonus.objects.count(), "awards": Award.objects.count()}
        self.figures["verdicts"] = Verdict.objects.in_force().count()

    def pay(self) -> None:
        """A payout by two managers; treasury's answer is brought twice at once; what failed is paid by a second one."""
        with self.timed("payouts"):
            for _batch in range(2):
                self._pay_a_batch()
        self.figures["payout lines"] = PayoutLine.objects.count()

    def _pay_a_batch(self) -> None:
        limits = {"per_line": 1_000_000, "per_batch": 100_000_000, "reason": "A day of an outage"}
        workflow.set_payout_limit("USDT", **limits, by=person("max"), now=timezone.now())
        proposed = at_once([manage("create_payout", facts.REFERENCE, "--asset", "USDT", "--by", "mia")])[0]
        batch = PayoutBatch.objects.get(reference=proposed["batch"])
        total = f"{batch.total.normalize():f} USDT"
        release = manage("release_payout", batch.reference, "--by", "max", "--total", total)
        released = [answer for answer in at_once([release] * 2, may_fail=True) if not answer.get("errors")]
        answer = self._treasury(batch)
        at_once(manage("confirm_payout", batch.reference, str(answer), "--by", who) for who in ("mia", "max"))
        if len(released) != 1:
            self.wrong.append(f"{batch} was released {len(released)} times")

    def _treasury(self, batch: PayoutBatch) -> Path:
        """What treasury answers: some of the first batch fails."""
        path = self.folder / f"{batch.reference}.csv"
        first = not PayoutLine.objects.filter(status="failed").exists()
        with path.open("w", newline="") as file:
            sheet = csv.writer(file)
            sheet.writerow(("line", "status", "reference", "reason"))
            for number in batch.lines.order_by("number").values_list("number", flat=True):
                fails = first and number % round(1 / LEFT_BEHIND) == 1
                said = ("failed", "", "account closed") if fails else ("paid", f"TX-{batch.pk}-{number}", "")
                sheet.writerow((f"{batch.reference}/{number}", *said))
        return path

    def write(self) -> None:
        """Until every letter has left, or a person must look at it."""
        with self.timed("letters sent"):
            wait_until(lambda: not Letter.objects.filter(status="waits").exists() and not under_way())
        self.figures |= {
            f"letters {status}": n for status, n in Counter(Letter.objects.values_list("status", flat=True)).items()
        }

    def faults(self) -> list[str]:
        """Everything that is wrong at the end."""
        found = [
            *self.wrong,
            *checks.contacts(self.world),
            *checks.uploads(self.said),
            *checks.letters(self.folder / "mail"),
            *checks.money(self.world),
            *(f"job {job}: {job.get_state_display()} {job.trouble}" for job in Job.objects.exclude(state="done")),
        ]
        settlement.seal_everything(now=timezone.now())  # as every night: the approvals' command took minutes to commit
        books = at_once([manage("verify_ledger")], may_fail=True)[0]
        return [*found[: checks.FAULTS_SHOWN], *books["problems"]]


# --- people, processes, patience


def person(name: str) -> User:
    return User.objects.get(username=name)


def manage(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "manage.py", name, *arguments, "--json"]


def hand(verb: str, who: str, share: int, of: int, *more: object) -> list[str]:
    return [sys.executable, "-m", "bench.day.hands", verb, who, str(share), str(of), *map(str, more)]


def command(*words: str) -> None:
    subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def at_once(commands, *, may_fail: bool = False) -> list[dict]:
    """Start all of them, then read what each said: one JSON object. `may_fail`: one of a pair is refused, and says so."""
    started = [subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) for words in commands]
    answers = [process.communicate()[0] for process in started]
    for process, answer in zip(started, answers, strict=True):
        if process.returncode not in ((0, 1) if may_fail else (0,)):
            raise SystemExit(f"day: {' '.join(process.args[1:])} ended with {process.returncode}: {answer[-2_000:]}")
    return [json.loads(answer) for answer in answers]


def under_way(kind: str = "") -> bool:
    return Job.objects.unfinished().filter(key__startswith=kind).exists()


def wait_until(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > until:
            waiting = list(Job.objects.unfinished().values_list("key", "state", "attempts")[:10])
            raise SystemExit(f"day: it does not come to an end: {waiting}")
        connection.close()
        time.sleep(1)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="bench.day.run", description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--contacts", type=int, default=5_000)
    arguments.add_argument("--uploads", type=int, default=800)
    arguments.add_argument("--kill-every", type=float, default=7.0)
    arguments.add_argument("--images", type=Path, action="append", default=[])
    day = Day(arguments.parse_args())
    day.live()
    print(json.dumps({"figures": day.figures, "faults": day.faults(), "listed": checks.doubtful()}))


if __name__ == "__main__":
    main()
