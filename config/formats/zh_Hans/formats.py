"""Instants as the portal writes them in every language: ISO, in UTC, and saying so."""

DATETIME_FORMAT = "Y-m-d H:i:s \\U\\T\\C"
SHORT_DATETIME_FORMAT = "Y-m-d H:i \\U\\T\\C"
DATE_FORMAT = "Y-m-d"
SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
DATE_INPUT_FORMATS = ["%Y-%m-%d"]
TIME_INPUT_FORMATS = ["%H:%M:%S", "%H:%M", "%H:%M:%S.%f"]
