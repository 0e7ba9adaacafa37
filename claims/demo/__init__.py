"""The S1 case as plausible files: quotes, orders, contacts and screenshots, the same at every run.

Pure: a seed in, rows and pictures out. What becomes of them is the business of the portal's own commands, which read these
files as they read anybody's.
"""
