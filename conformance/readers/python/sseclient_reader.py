"""sseclient (btubbs) reads the raw socket, though `requests` has asked for gzip: the header asks for none. It reconnects by itself at a
response that ends or breaks, and raises an error when the server is not there yet: then the loop begins anew."""

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
        # It prints what it reconnects after.
        with contextlib.redirect_stdout(sys.stderr):
            messages = SSEClient(url, last_id=last_id, headers={"Accept-Encoding": "identity"})
        while True:
            with contextlib.redirect_stdout(sys.stderr):
                message = next(messages)
            last_id = message.id or last_id
            hand(message.id, message.event, message.data)
    except requests.RequestException:
        time.sleep(1)
