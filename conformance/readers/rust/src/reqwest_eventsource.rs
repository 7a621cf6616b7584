use std::error::Error;

use futures::StreamExt;
use reqwest_eventsource::{Event, EventSource};

/// Its README closes at an error; without that it reconnects by itself. A header of one's own would be sent beside its own at a reconnection.
pub async fn read(url: &str, saved_id: Option<&str>) -> Result<(), Box<dyn Error>> {
    let mut source = EventSource::get(crate::with_saved_id(url, saved_id));
    while let Some(event) = source.next().await {
        if let Ok(Event::Message(message)) = event {
            crate::hand(&message.id, &message.event, &message.data);
        }
    }
    Ok(())
}
