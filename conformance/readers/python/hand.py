"""Prints a line of JSON for each message that a library hands its user."""

import json
import sys


def arguments():
    """URL and saved ID."""
    return sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None


def hand(id, type, data):
    print(json.dumps({"id": id, "type": type, "data": data}), flush=True)
