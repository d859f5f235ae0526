"""core.telemetry: log lines."""

import json
import logging

from core.telemetry import JsonLines


def record(message, **extra):
    made = logging.makeLogRecord({"name": "n", "levelname": "WARNING", "msg": message, "created": 0.0})
    made.__dict__.update(extra)
    return made


def test_a_record_is_one_json_object_with_its_fields():
    line = json.loads(JsonLines().format(record("tile failed", layer="ortho", status=502)))
    assert line == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "WARNING",
        "logger": "n",
        "event": "tile failed",
        "layer": "ortho",
        "status": 502,
    }


def test_a_record_with_an_exception_stays_one_line():
    try:
        raise ValueError("bad\nthing")
    except ValueError as error:
        made = record("boom", exc_info=(type(error), error, error.__traceback__))
    text = JsonLines().format(made)
    assert "\n" not in text
    assert "ValueError" in json.loads(text)["error"]


def test_a_field_that_json_does_not_know_is_written_as_text():
    assert json.loads(JsonLines().format(record("x", reason=ValueError("y"))))["reason"] == "y"
