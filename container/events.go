package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// Stats is what a container uses and may use.
type Stats = cgroup.Stats

// An Event is something that Events tells of a container.
type Event struct {
	Type EventType `json:"type"`
	ID   string    `json:"id"`
	Data *Stats    `json:"data,omitempty"` // of StatsEvent
}

// EventType is what an Event is about.
type EventType string

// The types of events.
const (
	StatsEvent EventType = "stats" // the interval is over
	OOMEvent   EventType = "oom"   // a process was killed for want of memory
)

// Stats reads the statistics of a container that has not stopped.
func (r *Runtime) Stats(id string) (*Stats, error) {
	record, p, err := r.observe(id)
	if err != nil {
		return nil, within("events", id, err)
	}
	defer p.close()
	stats, err := cgroup.ReadStats(record.Cgroup.Paths)
	return stats, within("events", id, err)
}

// Events tells of a container until its first process has ended. When tell fails
// or ctx ends, it gives up and is that error. It takes no lock.
func (r *Runtime) Events(ctx context.Context, id string, interval time.Duration, tell func(Event) error) error {
	record, p, err := r.observe(id)
	if err != nil {
		return within("events", id, err)
	}
	defer p.close()
	oom, err := cgroup.WatchOOM(record.Cgroup.Paths)
	if err != nil {
		return within("events", id, err)
	}
	defer oom.Close()
	o := observer{ctx: ctx, record: record, init: p, oom: oom, cancelled: -1, tell: tell}
	if ctx.Done() != nil {
		if o.cancelled, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
			return within("events", id, fmt.Errorf("eventfd: %w", err))
		}
		defer o.onceCancelled()()
	}
	return within("events", id, o.watch(interval))
}

// observe finds a container's first process, if it has not ended.
func (r *Runtime) observe(id string) (state.Record, process, error) {
	record, err := r.store().Peek(id)
	if err != nil {
		return record, process{}, err
	}
	p, err := openProcess(record)
	if errors.Is(err, ErrNotRunning) {
		err = fmt.Errorf("container with id %s is not running", id)
	}
	return record, p, err
}

// An observer waits for what Events tells.
type observer struct {
	ctx       context.Context
	record    state.Record
	init      process
	oom       *cgroup.OOMWatch
	cancelled int // eventfd that says that ctx has ended, or -1
	tell      func(Event) error
}

// onceCancelled has the eventfd say when ctx ends. What it returns is the end of
// that, and closes it.
func (o *observer) onceCancelled() func() {
	done := make(chan struct{})
	stop := context.AfterFunc(o.ctx, func() {
		defer close(done)
		_, _ = unix.Write(o.cancelled, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	return func() {
		if !stop() {
			<-done
		}
		unix.Close(o.cancelled)
	}
}

func (o *observer) watch(interval time.Duration) error {
	next := time.Now().Add(interval)
	for {
		ended, err := o.wait(time.Until(next))
		if err == nil {
			err = o.ctx.Err()
		}
		if err == nil {
			err = o.lookForOOM()
		}
		if err != nil || ended {
			return err
		}
		if time.Now().Before(next) {
			continue
		}
		stats, err := cgroup.ReadStats(o.record.Cgroup.Paths)
		if err == nil {
			err = o.tell(Event{Type: StatsEvent, ID: o.record.ID, Data: stats})
		}
		if err != nil {
			return err
		}
		next = time.Now().Add(interval)
	}
}

// wait waits until there is something to look at, and tells whether the container
// has ended.
func (o *observer) wait(limit time.Duration) (ended bool, err error) {
	const most = time.Hour // fits poll(2)
	milliseconds := int((min(max(limit, 0), most) + time.Millisecond - 1) / time.Millisecond)
	fds := []unix.PollFd{
		{Fd: int32(o.init.fd), Events: unix.POLLIN},
		{Fd: int32(o.oom.FD), Events: o.oom.Events},
		{Fd: int32(o.cancelled), Events: unix.POLLIN},
	}
	_, err = unix.Poll(fds, milliseconds)
	if err == unix.EINTR {
		err = nil
	}
	return fds[0].Revents != 0, err
}

func (o *observer) lookForOOM() error {
	happened, err := o.oom.Happened()
	if err != nil || !happened {
		return err
	}
	return o.tell(Event{Type: OOMEvent, ID: o.record.ID})
}
