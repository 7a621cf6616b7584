"""aiohttp-sse-client: the loop of its README, entered again after an error."""

import asyncio

from aiohttp import ClientError, ClientTimeout
from aiohttp_sse_client.client import EventSource
from hand import arguments, hand

url, saved_id = arguments()


async def read():
    last_event_id = saved_id
    while True:
        options = {"headers": {"Last-Event-ID": last_event_id}} if last_event_id else {}
        try:
            async with EventSource(url, timeout=ClientTimeout(total=None), **options) as event_source:
                async for event in event_source:
                    last_event_id = event.last_event_id or last_event_id
                    hand(event.last_event_id, event.type, event.data)
        except (ConnectionError, ClientError):
            pass
        await asyncio.sleep(1)


asyncio.run(read())
