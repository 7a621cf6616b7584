"""aiohttp-sse-client: the loop of its README, once, with the reconnection of its own."""

import asyncio

from aiohttp import ClientTimeout
from aiohttp_sse_client.client import EventSource
from hand import arguments, hand

url, saved_id = arguments()


async def read():
    options = {"headers": {"Last-Event-ID": saved_id}} if saved_id else {}
    async with EventSource(url, timeout=ClientTimeout(total=None), **options) as event_source:
        try:
            async for event in event_source:
                hand(event.last_event_id, event.type, event.data)
        except ConnectionError:
            pass


asyncio.run(read())
