// Command readers reads a stream with one of several libraries, each in the way of its README, and prints a line of JSON for each message
// that the library hands its user.
//
//	readers LIBRARY URL [SAVED-ID]
package main

import (
	"encoding/json"
	"log"
	"os"
)

var readers = map[string]func(url, savedID string) error{
	"go-sse":       readByGoSSE,
	"launchdarkly": readByLaunchDarkly,
	"donovanhide":  readByDonovanhide,
	"r3labs":       readByR3labs,
	"r3labs-loop":  readByR3labsInALoop,
}

func main() {
	savedID := ""
	if len(os.Args) > 3 {
		savedID = os.Args[3]
	}
	if err := readers[os.Args[1]](os.Args[2], savedID); err != nil {
		log.Fatal(err)
	}
}

func hand(id, kind, data string) {
	line, err := json.Marshal(map[string]string{"id": id, "type": kind, "data": data})
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(append(line, '\n'))
}
