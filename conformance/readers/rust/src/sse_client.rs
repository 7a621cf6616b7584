use std::error::Error;

use sse_client::EventSource;

pub fn read(url: &str, saved_id: Option<&str>) -> Result<(), Box<dyn Error>> {
    let source = EventSource::new(&crate::with_saved_id(url, saved_id))?;
    source.on_message(|event| crate::hand(&event.id, &event.type_, &event.data));
    loop {
        std::thread::park();
    }
}
