"""The arrows of the house point down. Reads every import, those inside functions too.

A new module gets its line in FLOORS; a new arrow between rooms its line in BRIDGES, and a reason in the review.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("incidents", "claims", "ledger", "jobs")

PURE, MODELS, JOINERS, VERBS, DOORS = range(5)
FLOORS = {
    # pure: no clock, no settings
    "windows": PURE,
    "shown": PURE,
    "workbook": PURE,
    "tables": PURE,
    "prices": PURE,
    "quote_queries": PURE,
    "liquidation": PURE,
    "explanation": PURE,
    "letter": PURE,
    "account_file": PURE,
    "terms": PURE,
    "demo": PURE,
    "eligibility": PURE,
    "pricing": PURE,
    "policy_file": PURE,
    "evidence": PURE,
    "byte_ranges": PURE,
    "deadlines": PURE,
    "money": PURE,
    "journal": PURE,
    "laws": PURE,
    "functions": PURE,
    "canonical": PURE,
    "entry_file": PURE,
    "incident_file": PURE,
    "cells": PURE,
    "sentences": PURE,
    "differences": PURE,
    "editing": PURE,
    "order_numbers": PURE,
    "helpdesk": PURE,
    "csv_file": PURE,
    "unpacked": PURE,
    "recording": PURE,  # what the database keeps of changes, as SQL
    # nouns
    "models": MODELS,
    "paper": MODELS,
    # joiners, and the one gate
    "assessment": JOINERS,
    "settlement": JOINERS,
    "callers": JOINERS,  # to customers, incidents and orders, for whoever takes a contact
    "payables": JOINERS,  # what is owed and in no payout: asked by the page and by the verb
    "notices": JOINERS,
    "gate": JOINERS,
    "inflows": JOINERS,
    "history": JOINERS,
    "stuck": JOINERS,
    "moment": JOINERS,  # to one view of the books
    "letters": JOINERS,
    "report_files": JOINERS,  # rows and the forms they leave in
    "probe": JOINERS,  # to a child process
    "likenesses": JOINERS,  # of a file to the other customers' files
    # verbs and questions
    "workflow": VERBS,
    "receiving": VERBS,
    "inspecting": VERBS,
    "liquidations": VERBS,
    "posting": VERBS,
    "closing": VERBS,
    "granting": VERBS,
    "rates": VERBS,
    "sealing": VERBS,
    "imports": VERBS,
    "intake": VERBS,
    "contact_files": VERBS,
    "bulk": VERBS,
    "progress": VERBS,
    "queue": VERBS,
    "estimate": VERBS,
    "pulse": VERBS,
    "reports": VERBS,
    "papers": VERBS,
    "market": VERBS,
    "replays": VERBS,
    "origins": VERBS,
    "digests": VERBS,
    "screens": VERBS,
    "staff": VERBS,
    "console": VERBS,
    "office": VERBS,
    "sheets": VERBS,
    "changes": VERBS,
    "exports": VERBS,
    "verification": VERBS,
    "verifying": VERBS,
    "treasury": VERBS,
    # doors
    "report_command": DOORS,
    "report_pages": DOORS,
    "report_urls": DOORS,
    "admin": DOORS,
    "middleware": DOORS,
    "traces": DOORS,
    "views": DOORS,
    "tasks": DOORS,
    "forms": DOORS,
    "resources": DOORS,
    "dashboard": DOORS,
    "management": DOORS,
    "templatetags": DOORS,
    "urls": DOORS,
}
FREE = {"apps", "migrations", "__init__"}
SAME_FLOOR = {PURE, MODELS}  # on these, neighbours may know each other
DOOR_TO_DOOR = {
    ("admin", "resources"),
    ("admin", "forms"),
    ("views", "forms"),
    ("urls", "views"),
    ("report_urls", "report_pages"),
}
VERB_TO_VERB = {
    ("exports", "changes"),
    ("treasury", "exports"),  # a spreadsheet runs no cell of either
    ("exports", "reports"),  # a file ends with the balances that reports know
    ("papers", "reports"),
    ("papers", "origins"),  # which entries a person wrote
    ("screens", "reports"),  # what a page shows is a sum that reports make
    ("screens", "sealing"),  # it looks for what is not sealed where sealing does
    ("receiving", "workflow"),
    ("workflow", "inspecting"),  # a person has a recording looked at after all
    ("receiving", "inspecting"),  # a file that came in is looked at
    ("screens", "receiving"),  # what is found in a file, in words
    ("screens", "workflow"),  # the grounds of a review
    ("intake", "workflow"),
    ("contact_files", "intake"),  # a slice of a file is an import of some of its lines
    ("queue", "pulse"),  # a job names the worker that took it
    ("verifying", "reports"),  # a run is kept with what decisions and books disagree in
}  # what is received reopens the claim, in one commit
BRIDGES = {  # (room, module) -> the rooms it may know; doors see below
    ("claims", "assessment"): {"incidents"},
    ("claims", "settlement"): {"ledger"},
    ("claims", "inflows"): {"ledger"},  # the fund's own income and cost: no decision on a claim
    ("claims", "origins"): {"ledger", "incidents"},  # an entry of the books, and what it comes from
    ("claims", "liquidations"): {"incidents"},  # a liquidation and what it brings the fund share one commit
    ("claims", "screens"): {"jobs"},  # the desk shows the progress of its job
    ("incidents", "imports"): {"jobs"},  # a user's file at COPY's speed
    ("incidents", "letter"): {"jobs"},  # numbers and instants as on the screens
    ("claims", "callers"): {"incidents"},
    ("claims", "helpdesk"): {"jobs"},  # a user's file, in a helpdesk's words
    ("claims", "contact_files"): {"jobs"},
    ("claims", "intake"): {
        "jobs",
        "incidents",
    },  # the same; and whoever reaches us is a customer, with orders or without
    ("claims", "verifying"): {"jobs"},  # so do a verification and its job
    ("ledger", "papers"): {"jobs"},  # a report leaves in every form
    ("claims", "papers"): {"jobs"},
    ("claims", "digests"): {"jobs"},  # instants as on the screens
    ("claims", "letters"): {"jobs"},  # numbers and instants as on the screens
    ("claims", "stuck"): {"jobs"},  # what no job carries
    ("claims", "inspecting"): {"jobs"},  # a recording and the job that watches it share one commit
    ("claims", "workflow"): {"jobs"},  # a verb and the job it asks for share one commit
}
DOOR_BRIDGES = {"jobs"}  # the engine room: any room's doors may use it
FORBIDDEN_NAMES = {"common", "core", "utils", "helpers", "services", "selectors", "signals", "constants"}
CLOCKS = {"now", "utcnow", "today", "localtime", "localdate"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 50


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in sorted(found) if "migrations" not in path.parts]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def imported(path: Path) -> Iterator[str]:
    """The dotted names a file imports, `from room import module` as `room.module`."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{name.name}" for name in node.names)


def place(path: Path) -> tuple[str, str]:
    """The room of a file, and its module there: claims/models/policies.py is ("claims", "models")."""
    room, module = path.relative_to(ROOT).with_suffix("").parts[:2]
    return room, module


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_room_file = pytest.mark.parametrize("path", sources(*ROOMS), ids=name_of)


@every_room_file
def test_every_module_has_its_floor(path):
    module = place(path)[1]
    assert module in FLOORS or module in FREE, f"say in FLOORS which floor {name_of(path)} is on"


@every_room_file
def test_rooms_know_only_the_rooms_they_may(path):
    room, module = place(path)
    allowed = {room} | BRIDGES.get((room, module), set())
    if FLOORS.get(module) == DOORS:
        allowed |= DOOR_BRIDGES
    strangers = {name for name in imported(path) if name.split(".")[0] in {*ROOMS, "config"} - allowed}
    assert not strangers


@every_room_file
def test_inside_a_room_imports_point_down(path):
    room, module = place(path)
    if module not in FLOORS:
        return  # free, or named by the test above
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != room or len(parts) < 2 or parts[1] == module or parts[1] in FREE:
            continue
        mine, theirs = FLOORS[module], FLOORS.get(parts[1])
        assert theirs is not None, f"{name_of(path)} imports {name}, which has no floor"
        down = theirs < mine or (theirs == mine and mine in SAME_FLOOR)
        assert down or (module, parts[1]) in DOOR_TO_DOOR | VERB_TO_VERB, f"{name_of(path)} imports {name}"


@every_room_file
def test_pure_modules_read_no_settings(path):
    if FLOORS.get(place(path)[1]) == PURE:
        assert not {name for name in imported(path) if name.startswith(("django.conf", "os.", "time."))}


@every_room_file
def test_the_clock_is_read_at_the_door(path):
    if FLOORS.get(place(path)[1], DOORS) == DOORS:
        return
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    read = [node.lineno for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS]
    assert not read, f"{name_of(path)} reads the clock in lines {read}"


@pytest.mark.parametrize("path", sources("config"), ids=name_of)
def test_config_names_rooms_only_as_strings(path):
    assert not {name for name in imported(path) if name.split(".")[0] in ROOMS}


@pytest.mark.parametrize("path", sources(*ROOMS, "config", "bench"), ids=name_of)
def test_files_and_functions_stay_small(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if node.end_lineno - node.lineno >= LONGEST_FUNCTION]
    assert not long


def test_there_is_no_lumber_room():
    names = {part for path in sources(*ROOMS, "config") for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not names & FORBIDDEN_NAMES


def task_names() -> Iterator[str]:
    """Every task that is named by a string: in calls (`async_task("…")`, `task="…"`) and in the schedules."""
    yield from settings.SCHEDULES
    for path in sources(*ROOMS):
        for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
            called = getattr(call.func, "attr", getattr(call.func, "id", ""))
            named = [keyword.value for keyword in call.keywords if keyword.arg == "task"]
            named += call.args[:1] if called in {"async_task", "schedule"} else []
            yield from (node.value for node in named if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_tasks_named_by_a_string_exist():
    for name in set(task_names()):
        assert callable(import_string(name)), name


def test_no_two_parts_of_a_screen_have_a_private_method_of_the_same_name():
    """A screen is put together of mixins: the second of a name would take the place of the first, without a word."""
    for model, screen in admin.site._registry.items():
        parts = [part for part in type(screen).__mro__ if part.__module__.split(".")[0] in ROOMS]
        names = [name for part in parts for name in vars(part) if name.startswith("_") and not name.endswith("__")]
        twice = sorted({name for name in names if names.count(name) > 1})
        assert twice == [], f"{model.__name__}: several parts define {', '.join(twice)}"
