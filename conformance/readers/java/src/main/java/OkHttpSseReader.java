import java.time.Duration;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSource;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;

/** It reads one response: the listener asks again, with the ID of the last event. It does not tell {@code retry}. */
final class OkHttpSseReader extends EventSourceListener {
  private final OkHttpClient client = new OkHttpClient.Builder().readTimeout(Duration.ZERO).build();
  private final String url;
  private String lastEventId;

  private OkHttpSseReader(String url, String savedId) {
    this.url = url;
    this.lastEventId = savedId;
  }

  static void read(String url, String savedId) {
    new OkHttpSseReader(url, savedId).connect();
  }

  private void connect() {
    Request.Builder request = new Request.Builder().url(url);
    if (!lastEventId.isEmpty()) request.header("Last-Event-ID", lastEventId);
    EventSources.createFactory(client).newEventSource(request.build(), this);
  }

  @Override
  public void onEvent(EventSource source, String id, String type, String data) {
    if (id != null) lastEventId = id;
    Readers.hand(id, type, data);
  }

  @Override
  public void onClosed(EventSource source) {
    connectLater();
  }

  @Override
  public void onFailure(EventSource source, Throwable error, Response response) {
    connectLater();
  }

  private void connectLater() {
    try {
      Thread.sleep(1000);
    } catch (InterruptedException error) {
      return;
    }
    connect();
  }
}
