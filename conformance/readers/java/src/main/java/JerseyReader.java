import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.sse.SseEventSource;
import java.util.concurrent.TimeUnit;

final class JerseyReader {
  static void read(String url, String savedId) {
    SseEventSource source = SseEventSource.target(ClientBuilder.newClient().target(Readers.withSavedId(url, savedId)))
        .reconnectingEvery(1, TimeUnit.SECONDS)
        .build();
    source.register(event -> Readers.hand(event.getId(), event.getName(), event.readData()), error -> {});
    source.open();
  }
}
