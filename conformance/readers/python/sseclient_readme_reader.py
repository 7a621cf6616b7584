"""sseclient (btubbs) as its README has it: `requests` asks for gzip, and it reads the raw socket. Errors begin it anew."""

import contextlib
import sys
import time

import requests
from hand import arguments, hand
from sseclient import SSEClient

url, saved_id = arguments()
last_id = saved_id

while True:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            messages = SSEClient(url, last_id=last_id)
        while True:
            with contextlib.redirect_stdout(sys.stderr):
                message = next(messages)
            last_id = message.id or last_id
            hand(message.id, message.event, message.data)
    except requests.RequestException:
        time.sleep(1)
