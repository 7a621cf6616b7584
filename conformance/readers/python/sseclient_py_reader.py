"""sseclient-py reads one response: a loop around it asks again, with the ID of the last event."""

import time

import requests
import sseclient
from hand import arguments, hand

url, saved_id = arguments()
last_event_id = saved_id
retry = 1.0

while True:
    headers = {"Accept": "text/event-stream"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    try:
        response = requests.get(url, stream=True, headers=headers)
        for event in sseclient.SSEClient(response).events():
            if event.id:
                last_event_id = event.id
            if event.retry:
                retry = int(event.retry) / 1000
            hand(event.id, event.event, event.data)
    except requests.RequestException:
        pass
    time.sleep(retry)
