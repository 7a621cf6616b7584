package main

import (
	"net/http"

	"github.com/tmaxmax/go-sse"
)

// readByGoSSE has the saved ID in a header of the request, which it drops at the first reconnection if the stream has brought no ID.
func readByGoSSE(url, savedID string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if savedID != "" {
		request.Header.Set("Last-Event-ID", savedID)
	}
	connection := sse.NewConnection(request)
	connection.SubscribeToAll(func(event sse.Event) {
		hand(event.LastEventID, event.Type, event.Data)
	})
	return connection.Connect()
}
