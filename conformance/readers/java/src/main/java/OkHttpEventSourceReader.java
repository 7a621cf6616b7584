import com.launchdarkly.eventsource.EventSource;
import com.launchdarkly.eventsource.MessageEvent;
import com.launchdarkly.eventsource.background.BackgroundEventHandler;
import com.launchdarkly.eventsource.background.BackgroundEventSource;
import java.net.URI;

final class OkHttpEventSourceReader {
  static void read(String url, String savedId) {
    EventSource.Builder source = new EventSource.Builder(URI.create(url));
    if (!savedId.isEmpty()) source.lastEventId(savedId);
    new BackgroundEventSource.Builder(new Handler(), source).build().start();
  }

  private static final class Handler implements BackgroundEventHandler {
    @Override
    public void onMessage(String type, MessageEvent event) {
      Readers.hand(event.getLastEventId(), type, event.getData());
    }

    @Override
    public void onOpen() {}

    @Override
    public void onClosed() {}

    @Override
    public void onComment(String comment) {}

    @Override
    public void onError(Throwable error) {}
  }
}
