use std::error::Error;
use std::time::Duration;

use eventsource_stream::Eventsource;
use futures::StreamExt;

/// It reads one response: a loop around it asks again, with the ID of the last event.
pub async fn read(url: &str, saved_id: Option<&str>) -> Result<(), Box<dyn Error>> {
    let client = reqwest::Client::new();
    let mut last_event_id = saved_id.unwrap_or_default().to_owned();
    let mut retry = Duration::from_secs(1);
    loop {
        let mut request = client.get(url).header("accept", "text/event-stream");
        if !last_event_id.is_empty() {
            request = request.header("last-event-id", &last_event_id);
        }
        if let Ok(response) = request.send().await {
            let mut stream = response.bytes_stream().eventsource();
            stream.set_last_event_id(last_event_id.clone());
            while let Some(Ok(event)) = stream.next().await {
                last_event_id = event.id.clone();
                retry = event.retry.unwrap_or(retry);
                crate::hand(&event.id, &event.event, &event.data);
            }
        }
        tokio::time::sleep(retry).await;
    }
}
