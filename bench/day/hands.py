"""One person's screen, in a process of its own; prints one JSON object.

`python -m bench.day.hands upload|review WHO SHARE OF [FOLDER]`
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from claims.models import Claim, Evidence


def upload(who: str, share: int, of: int, folder: str) -> dict:
    """Bring this share of the folder's files over the web, every tenth twice: `<claim>__<name>` goes to that claim.

    The answer of each: (claim, sha256, what the claim's page then said) - "" when the file was kept.
    """
    client, said = _at_the_desk(who), []
    paths = sorted(Path(folder).iterdir())[share::of]
    for number, path in enumerate(paths):
        claim, _mark, name = path.name.partition("__")
        content = path.read_bytes()
        for _time in range(2 if number % 10 == 0 else 1):
            form = {"file": SimpleUploadedFile(name, content)}
            page = client.post(reverse("admin:claims_claim_attach", args=[claim]), form, follow=True)
            assert page.status_code == 200, page.status_code
            told = [str(message) for message in get_messages(page.wsgi_request) if message.level_tag == "error"]
        said.append((int(claim), hashlib.sha256(content).hexdigest(), "; ".join(told)))
    return {"said": said}


def review(who: str, share: int, of: int) -> dict:
    """Accept two of three files, reject the third, over the web; what somebody else reviewed first is theirs."""
    client, told = _at_the_desk(who), Counter()
    waiting = Evidence.objects.unreviewed().filter(inspected_at__isnull=False, claim__status__in=Claim.OPEN)
    for pk in list(waiting.order_by("pk").values_list("pk", flat=True))[share::of]:
        accept = pk % 3 > 0
        form = {"seen": "received", "verdict": "accept" if accept else "reject", "reason": "as the picture shows"}
        form |= {"ground": "shows_failure" if accept else "no_failure"}
        evidence = Evidence.objects.select_related("claim").get(pk=pk)
        form["revision"] = evidence.claim.revision
        client.post(reverse("admin:claims_claim_review", args=[pk]), form)
        evidence.refresh_from_db()
        told[evidence.status] += 1
    return dict(told)


def _at_the_desk(who: str) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=who))
    return client


if __name__ == "__main__":
    verb, who, share, of, *rest = sys.argv[1:]
    print(json.dumps({"upload": upload, "review": review}[verb](who, int(share), int(of), *rest)))
