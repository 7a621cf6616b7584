import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.MediaType;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.util.retry.Retry;

/** It reads one response; {@code repeatWhen} and {@code retryWhen} ask again, with the ID of the last event. */
final class WebFluxReader {
  private static final Duration delay = Duration.ofSeconds(1);
  private static final ParameterizedTypeReference<ServerSentEvent<String>> events = new ParameterizedTypeReference<>() {};

  static void read(String url, String savedId) {
    AtomicReference<String> lastEventId = new AtomicReference<>(savedId);
    Flux.defer(() -> request(url, lastEventId.get()))
        .doOnNext(event -> {
          if (event.id() != null) lastEventId.set(event.id());
        })
        .repeatWhen(ends -> ends.delayElements(delay))
        .retryWhen(Retry.fixedDelay(Long.MAX_VALUE, delay))
        .subscribe(event -> Readers.hand(event.id(), event.event(), event.data()));
  }

  private static Flux<ServerSentEvent<String>> request(String url, String lastEventId) {
    return WebClient.create()
        .get()
        .uri(url)
        .accept(MediaType.TEXT_EVENT_STREAM)
        .headers(headers -> {
          if (!lastEventId.isEmpty()) headers.set("Last-Event-ID", lastEventId);
        })
        .retrieve()
        .bodyToFlux(events);
  }
}
