"""A day of an outage, scripted: thousands of contacts, hundreds of files, two workers of which one is killed all the while.

`make bench-day`, or `python -m bench.day.run` on any empty, migrated database.
"""
