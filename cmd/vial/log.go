package main

// What is logged, and where to (--log, --log-format, --log-level, --debug).
//
//	           text                            JSON
//	standard   vial: LEVEL: MESSAGE            {"level":…,"msg":…,"time":…}
//	error      (vial: MESSAGE for an error)
//	a file     time="…" level=… msg="…"        {"level":…,"msg":…,"time":…}
//	journald   a datagram of fields; --log-format does not matter there
//	syslog     a datagram of syslog(3); --log-format does not matter there
//
// An entry is one line. The error that ends vial is on standard error in any
// case, as plain text unless JSON was asked for there.

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A level is how much an entry matters.
type level uint8

const (
	levelError level = iota
	levelWarning
	levelDebug
)

func (l level) String() string { return [...]string{"error", "warning", "debug"}[l] }

// severity is a level as syslog(3) and journald count.
func (l level) severity() int { return [...]int{3, 4, 7}[l] }

// A logger writes what the options ask for.
type logger struct {
	stderr io.Writer
	sink   sink
	aside  bool // the sink is not standard error
	json   bool
	level  level
}

// A sink is where entries go. Message is one line.
type sink interface {
	write(l level, message string)
	close()
}

func openLog(g *global, stderr io.Writer) (*logger, error) {
	l := &logger{stderr: stderr, json: g.logFormat == "json"}
	switch {
	case g.debug, g.logLevel == "debug":
		l.level = levelDebug
	case g.logLevel == "warning":
		l.level = levelWarning
	}
	if g.logFile == "" {
		l.sink = streamSink(stderr, l.json)
		if !l.json {
			l.sink = plainSink{stderr}
		}
		return l, nil
	}
	l.aside = true
	var err error
	if id, ok := strings.CutPrefix(g.logFile, "journald:"); ok {
		l.sink, err = journalSink(id)
	} else if tag, ok := strings.CutPrefix(g.logFile, "syslog:"); ok {
		l.sink, err = syslogSink(tag)
	} else {
		l.sink, err = fileSink(strings.TrimPrefix(g.logFile, "file:"), l.json)
	}
	if err != nil {
		return nil, fmt.Errorf("--log %s: %w", g.logFile, err)
	}
	return l, nil
}

func (l *logger) close() { l.sink.close() }

// fail reports the error that ends vial.
func (l *logger) fail(err error) {
	message := oneLine(err.Error())
	l.sink.write(levelError, message)
	if l.aside {
		plainSink{l.stderr}.write(levelError, message)
	}
}

// warn reports what is allowed but looks wrong: on standard error always, in a
// log that programs read only if its level says so.
func (l *logger) warn(message string) {
	if l.level >= levelWarning || !l.aside && !l.json {
		l.sink.write(levelWarning, oneLine(message))
	}
}

// debug reports what is done; it is nil if that is not wanted.
func (l *logger) debug() func(format string, args ...any) {
	if l.level < levelDebug {
		return nil
	}
	return func(format string, args ...any) {
		l.sink.write(levelDebug, oneLine(fmt.Sprintf(format, args...)))
	}
}

// plainSink is standard error for people.
type plainSink struct{ io.Writer }

func (s plainSink) write(l level, message string) {
	if l == levelError {
		fmt.Fprintf(s, "vial: %s\n", message)
		return
	}
	fmt.Fprintf(s, "vial: %s: %s\n", l, message)
}

func (plainSink) close() {}

// A stream is a file, or standard error, for programs.
type stream struct {
	out   io.Writer
	entry func(l level, message, now string) string
	file  *os.File // to close, if not nil
}

func streamSink(out io.Writer, json bool) *stream {
	s := &stream{out: out, entry: textEntry}
	if json {
		s.entry = jsonEntry
	}
	return s
}

// fileSink appends. What is written is on the disk before vial goes on: it may
// be killed any time.
func fileSink(path string, json bool) (sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_SYNC, 0o644)
	if err != nil {
		return nil, err
	}
	s := streamSink(f, json)
	s.file = f
	return s, nil
}

// write makes one write(2) of an entry, so that those of several vials that
// share a log do not mix.
func (s *stream) write(l level, message string) {
	_, _ = io.WriteString(s.out, s.entry(l, message, time.Now().Format(time.RFC3339)))
}

func (s *stream) close() {
	if s.file != nil {
		s.file.Close()
	}
}

func textEntry(l level, message, now string) string {
	return fmt.Sprintf("time=%q level=%s msg=%s\n", now, l, strconv.Quote(message))
}

func jsonEntry(l level, message, now string) string {
	return fmt.Sprintf(`{"level":"%s","msg":%s,"time":"%s"}`+"\n", l, quoteJSON(message), now)
}

func quoteJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil { // a string always has a JSON form
		panic("vial: internal error: " + err.Error())
	}
	return string(quoted)
}

// A datagrams sink sends each entry to a socket, in its own form.
type datagrams struct {
	socket int
	entry  func(l level, message string) string
}

func (d datagrams) write(l level, message string) {
	_ = unix.Send(d.socket, []byte(d.entry(l, message)), unix.MSG_NOSIGNAL)
}

func (d datagrams) close() { unix.Close(d.socket) }

// dialDatagrams connects without package net, which would cost every start.
func dialDatagrams(path string, entry func(l level, message string) string) (sink, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: socket: %w", path, err)
	}
	if err := unix.Connect(socket, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(socket)
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return datagrams{socket, entry}, nil
}

// The sockets of journald and of syslog.
const (
	journalSocket = "/run/systemd/journal/socket"
	syslogSocket  = "/dev/log"
)

// journalSink sends fields as systemd's "Native Journal Protocol" has them,
// the caller's word for the container as ID, as crun does.
func journalSink(id string) (sink, error) {
	return dialDatagrams(journalSocket, func(l level, message string) string {
		return journalEntry(l, message, id)
	})
}

func journalEntry(l level, message, id string) string {
	entry := fmt.Sprintf("PRIORITY=%d\nSYSLOG_IDENTIFIER=vial\nMESSAGE=%s\n", l.severity(), message)
	if id != "" {
		entry += "ID=" + oneLine(id) + "\n"
	}
	return entry
}

// syslogSink sends what syslog(3) does, with the caller's tag or vial's name.
func syslogSink(tag string) (sink, error) {
	return dialDatagrams(syslogSocket, func(l level, message string) string {
		return syslogEntry(l, message, tag, time.Now())
	})
}

func syslogEntry(l level, message, tag string, now time.Time) string {
	if tag == "" {
		tag = "vial"
	}
	const user = 1 << 3 // LOG_USER
	return fmt.Sprintf("<%d>%s %s: %s", user|l.severity(), now.Format(time.Stamp), oneLine(tag), message)
}
