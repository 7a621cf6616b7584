"""httpx-sse with the loop of its README, which has `stamina` retry at httpx.ReadError. Here it also goes on at a response that ended and at a
refused connection, as every use of it has to."""

import time

import httpx
from hand import arguments, hand
from httpx_sse import connect_sse

url, saved_id = arguments()
last_event_id = saved_id or ""
reconnection_delay = 1.0

with httpx.Client(timeout=httpx.Timeout(10, read=None)) as client:
    while True:
        headers = {"Accept": "text/event-stream"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        try:
            with connect_sse(client, "GET", url, headers=headers) as event_source:
                for sse in event_source.iter_sse():
                    last_event_id = sse.id
                    if sse.retry is not None:
                        reconnection_delay = sse.retry / 1000
                    hand(sse.id, sse.event, sse.data)
        except httpx.TransportError:
            pass
        time.sleep(reconnection_delay)
