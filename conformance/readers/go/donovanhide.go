package main

import "github.com/donovanhide/eventsource"

func readByDonovanhide(url, savedID string) error {
	stream, err := eventsource.Subscribe(url, savedID)
	if err != nil {
		return err
	}
	for {
		select {
		case event := <-stream.Events:
			hand(event.Id(), event.Event(), event.Data())
		case <-stream.Errors:
		}
	}
}
