package main

import (
	"time"

	"github.com/r3labs/sse/v2"
)

func newR3labsClient(url, savedID string) *sse.Client {
	client := sse.NewClient(url)
	if savedID != "" {
		client.LastEventID.Store([]byte(savedID))
	}
	return client
}

func handR3labs(event *sse.Event) {
	hand(string(event.ID), string(event.Event), string(event.Data))
}

// readByR3labs is its README's call, which returns when a response ends.
func readByR3labs(url, savedID string) error {
	return newR3labsClient(url, savedID).SubscribeRaw(handR3labs)
}

// readByR3labsInALoop asks again when it returns.
func readByR3labsInALoop(url, savedID string) error {
	client := newR3labsClient(url, savedID)
	for {
		_ = client.SubscribeRaw(handR3labs)
		time.Sleep(time.Second)
	}
}
