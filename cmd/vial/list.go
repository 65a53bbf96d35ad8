package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moby/sys/user"
	"github.com/vial-run/vial/container"
)

func listVerb() verb {
	return verb{
		name: "list", max: 0,
		about:   "print all containers",
		example: "vial list --format json",
		define:  defineList,
	}
}

func defineList(fs *flag.FlagSet) action {
	var format string
	var quiet bool
	fs.StringVar(&format, "format", "table", "`FORMAT`: table or json")
	fs.StringVar(&format, "f", "table", "`FORMAT`: table or json")
	fs.BoolVar(&quiet, "quiet", false, "print ids only")
	fs.BoolVar(&quiet, "q", false, "print ids only")
	return func(s *session, _ []string) (int, error) {
		if format != "table" && format != "json" {
			return statusError, fmt.Errorf("list: invalid format option: %s", format)
		}
		states, err := s.describeAll()
		if err != nil {
			return statusError, err
		}
		switch {
		case quiet:
			for _, state := range states {
				fmt.Fprintln(s.stdout, state.ID)
			}
			return 0, nil
		case format == "json":
			return 0, json.NewEncoder(s.stdout).Encode(states)
		}
		return 0, s.printTable(states)
	}
}

// describeAll is nil if there are no containers, which JSON shows as null, as
// runc does. What cannot be described is named on standard error and left out.
func (s *session) describeAll() ([]*container.State, error) {
	if s.root != "" {
		if _, err := os.Stat(s.runtime.Root); err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
	}
	listed, err := s.runtime.List()
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	owners := map[int]string{}
	var states []*container.State
	for _, l := range listed {
		if l.Err != nil {
			fmt.Fprintf(s.log.stderr, "load container %s: %s\n", oneLine(l.ID), oneLine(l.Err.Error()))
			continue
		}
		uid := l.State.OwnerUID
		if owners[uid] == "" {
			owners[uid] = ownerName(uid)
		}
		l.State.Owner = owners[uid]
		states = append(states, l.State)
	}
	return states, nil
}

func ownerName(uid int) string {
	u, err := user.LookupUid(uid)
	if err != nil {
		return "#" + strconv.Itoa(uid)
	}
	return u.Name
}

func (s *session) printTable(states []*container.State) error {
	var out strings.Builder // tabwriter writes every cell by itself
	w := tabwriter.NewWriter(&out, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, state := range states {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", state.ID, state.Pid, state.Status, state.Bundle,
			state.Created.Format(time.RFC3339Nano), state.Owner)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(s.stdout, out.String())
	return err
}
