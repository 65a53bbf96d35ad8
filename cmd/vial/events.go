package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"time"

	"github.com/vial-run/vial/container"
)

func eventsVerb() verb {
	return verb{
		name: "events", args: "ID", min: 1, max: 1,
		about:   "print what a container uses as JSON, again and again, and when it runs out of memory",
		example: "vial events --interval 1s mycont1\nvial events --stats mycont1",
		define:  defineEvents,
	}
}

func defineEvents(fs *flag.FlagSet) action {
	var interval time.Duration
	var once bool
	fs.DurationVar(&interval, "interval", 5*time.Second, "print the statistics once in an `INTERVAL`, such as 500ms")
	fs.BoolVar(&once, "stats", false, "print the statistics once, and end")
	return func(s *session, args []string) (int, error) {
		if interval <= 0 {
			return statusError, errors.New("events: duration interval must be greater than 0")
		}
		out := json.NewEncoder(s.stdout)
		if once {
			stats, err := s.runtime.Stats(args[0])
			if err != nil {
				return statusError, err
			}
			return 0, out.Encode(container.Event{Type: container.StatsEvent, ID: args[0], Data: stats})
		}
		return 0, s.runtime.Events(context.Background(), args[0], interval, func(e container.Event) error { return out.Encode(e) })
	}
}
