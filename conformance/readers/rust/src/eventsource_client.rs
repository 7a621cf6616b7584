use std::error::Error;

use eventsource_client::{Client, ClientBuilder, SSE};
use futures::StreamExt;
use launchdarkly_sdk_transport::HyperTransport;

/// Errors come as items of the stream, which goes on after them.
pub async fn read(url: &str, saved_id: Option<&str>) -> Result<(), Box<dyn Error>> {
    let mut builder = ClientBuilder::for_url(url)?;
    if let Some(id) = saved_id {
        builder = builder.last_event_id(id.to_owned());
    }
    let client = builder.build_with_transport(HyperTransport::builder().build_http()?);
    let mut stream = client.stream();
    while let Some(event) = stream.next().await {
        if let Ok(SSE::Event(event)) = event {
            crate::hand(&event.id.unwrap_or_default(), &event.event_type, &event.data);
        }
    }
    Ok(())
}
