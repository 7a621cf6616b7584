package main

import "github.com/launchdarkly/eventsource"

func readByLaunchDarkly(url, savedID string) error {
	stream, err := eventsource.SubscribeWithURL(url,
		eventsource.StreamOptionLastEventID(savedID),
		eventsource.StreamOptionErrorHandler(func(error) eventsource.StreamErrorHandlerResult {
			return eventsource.StreamErrorHandlerResult{}
		}))
	if err != nil {
		return err
	}
	for event := range stream.Events {
		hand(event.Id(), event.Event(), event.Data())
	}
	return nil
}
