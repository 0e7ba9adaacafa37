# make demo    the portal with the S1 case loaded          make test    every test
# make run     the portal as it is                         make lint    style, templates, types
# make stop    stop the embedded database                  make bench   how fast it is (ORDERS=100000: a smaller world)
# make bench-books   how fast the books are, beside SQL by hand and two published ledgers
# make bench-queue   the queue at a thousand claims and at a million
# make bench-day     a day of an outage while a worker is killed all the time: is anything lost, or done twice?
# PORT, VAR_DIR and DATABASE_URL are honoured; README.md lists the rest.

PORT ?= 8000
export PORT
PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check

.PHONY: demo run setup test lint messages bench bench-books bench-queue bench-day stop

demo: .venv/ready
	@exec $(PYTHON) -m config.serve --demo

run: .venv/ready
	@exec $(PYTHON) -m config.serve

setup: .venv/ready .venv/ready-dev

test: .venv/ready-dev
	@exec $(PYTHON) -m pytest -n 2 $(PYTEST)

lint: .venv/ready-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m djlint --quiet --lint .
	$(PYTHON) -m mypy
	$(PYTHON) -m config.messages --check

messages: .venv/ready-dev
	$(PYTHON) -m config.messages

# A million orders take a while; the generated worlds are kept in BENCH_DIR, apart from the portal's own data.
ORDERS ?= 1000000
BENCH_DIR ?= $(CURDIR)/var/bench

bench: .venv/ready
	@env -u DATABASE_URL VAR_DIR=$(BENCH_DIR) $(PYTHON) -m bench --orders $(ORDERS)

# Apart from the other bench, in an environment of their own: two rivals that the portal never runs with.
bench-books: .venv/ready
	@env -u DATABASE_URL VAR_DIR=$(BENCH_DIR) $(PYTHON) -m bench.books $(BOOKS)

# The queue at a thousand claims and at a million (CLAIMS=100000: fewer).
CLAIMS ?= 1000000

bench-queue: .venv/ready
	@env -u DATABASE_URL VAR_DIR=$(BENCH_DIR) $(PYTHON) -m bench.queues --claims $(CLAIMS)

# A day of an outage: contacts, files, workers that are killed; it says whether anything was lost or done twice.
# DAY="--contacts 500 --uploads 80" is a shorter one; DAY="--images FOLDER" uploads that folder's files, too.
bench-day: .venv/ready
	@env -u DATABASE_URL VAR_DIR=$(BENCH_DIR) $(PYTHON) -m bench.day $(DAY)

stop:
	@test ! -x $(PYTHON) || $(PYTHON) -m config.database stop

# Stamps: packages are installed again only when their list changed.
.venv/ready: requirements.txt
	@.ci/venv
	@echo "installing what the portal runs on"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	@echo "installing what tests and lint need"
	@$(PIP) -r requirements-dev.txt
	@touch $@
