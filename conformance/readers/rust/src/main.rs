//! Reads a stream with one of several crates, each in the way of its README, and prints a line of JSON for each message that the crate hands
//! its user: `readers CRATE URL [SAVED-ID]`.

mod eventsource_client;
mod eventsource_stream;
mod reqwest_eventsource;
mod sse_client;

use std::error::Error;
use std::io::Write;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let url = &arguments[2];
    let saved_id = arguments.get(3).map(String::as_str);
    match arguments[1].as_str() {
        "eventsource-client" => eventsource_client::read(url, saved_id).await,
        "eventsource-stream" => eventsource_stream::read(url, saved_id).await,
        "reqwest-eventsource" => reqwest_eventsource::read(url, saved_id).await,
        "sse-client" => sse_client::read(url, saved_id),
        other => panic!("no reader {other}"),
    }
}

fn hand(id: &str, kind: &str, data: &str) {
    let line = serde_json::json!({ "id": id, "type": kind, "data": data });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("standard output");
}

/// For crates that take no ID to begin with.
fn with_saved_id(url: &str, saved_id: Option<&str>) -> String {
    match saved_id {
        Some(id) => format!("{url}&last_event_id={id}"),
        None => url.to_owned(),
    }
}
