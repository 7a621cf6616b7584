/**
 * Reads a stream with one of several libraries, each in the way of its documentation, and prints a line of JSON for each
 * message that the library hands its user: {@code java Readers LIBRARY URL [SAVED-ID]}.
 */
public final class Readers {
  public static void main(String[] arguments) throws Exception {
    String url = arguments[1];
    String savedId = arguments.length > 2 ? arguments[2] : "";
    switch (arguments[0]) {
      case "okhttp-eventsource" -> OkHttpEventSourceReader.read(url, savedId);
      case "okhttp-sse" -> OkHttpSseReader.read(url, savedId);
      case "webflux" -> WebFluxReader.read(url, savedId);
      case "jersey" -> JerseyReader.read(url, savedId);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
    Thread.currentThread().join();
  }

  static synchronized void hand(String id, String type, String data) {
    System.out.println("{\"id\":" + json(id) + ",\"type\":" + json(type) + ",\"data\":" + json(data) + "}");
    System.out.flush();
  }

  /** For libraries that take no ID to begin with. */
  static String withSavedId(String url, String savedId) {
    return savedId.isEmpty() ? url : url + "&last_event_id=" + savedId;
  }

  private static String json(String text) {
    if (text == null) return "null";
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "\\r") + '"';
  }
}
