"""The published ledgers that ours is measured beside, each posting as its own documentation says. They run in an environment of
their own (bench/requirements.txt) and know nothing of the portal."""
