"""launchdarkly-eventsource with `always_continue`, which has it reconnect by itself."""

from hand import arguments, hand
from ld_eventsource import SSEClient
from ld_eventsource.config import ErrorStrategy

url, saved_id = arguments()
client = SSEClient(url, last_event_id=saved_id, error_strategy=ErrorStrategy.always_continue())
for event in client.events:
    hand(event.id or event.last_event_id, event.event, event.data)
