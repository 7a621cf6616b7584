"""requests-sse: reconnects by itself a few times; the loop of its README is entered again when it gives up."""

import time

import requests
from hand import arguments, hand
from requests_sse import EventSource, InvalidStatusCodeError

url, saved_id = arguments()
last_event_id = saved_id or ""

while True:
    try:
        with EventSource(url, latest_event_id=last_event_id or None) as event_source:
            for event in event_source:
                last_event_id = event.last_event_id or last_event_id
                hand(event.last_event_id, event.type, event.data)
    except (InvalidStatusCodeError, requests.RequestException):
        time.sleep(1)
