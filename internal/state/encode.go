package state

import (
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// encode is r as the text of state.json. It is written by hand because two of
// them are written on every create, and reflection would cost more than the
// disk. The output is deterministic: keys of maps are sorted.
func encode(r *Record) []byte {
	e := encoder{buf: make([]byte, 0, 2048)}
	e.buf = append(e.buf, '{')
	e.int("version", RecordVersion)
	e.text("id", r.ID)
	e.text("ociVersion", r.OCIVersion)
	e.text("bundle", r.Bundle)
	e.text("rootfs", r.Rootfs)
	e.text("exec", r.Exec)
	e.int("pid", int64(r.Pid))
	e.key("startTime")
	e.buf = strconv.AppendUint(e.buf, r.StartTime, 10)
	e.text("bootID", r.BootID)
	e.key("created")
	e.buf = append(e.buf, '"')
	e.buf = r.Created.UTC().AppendFormat(e.buf, time.RFC3339Nano)
	e.buf = append(e.buf, '"')
	e.text("phase", r.Phase)
	e.texts("annotations", r.Annotations)
	e.key("cgroup")
	e.buf = append(e.buf, '{')
	e.text("driver", r.Cgroup.Driver)
	e.text("unit", r.Cgroup.Unit)
	e.texts("paths", r.Cgroup.Paths)
	e.buf = append(e.buf, '}')
	e.int("ownerUID", int64(r.OwnerUID))
	e.key("ownPIDNS")
	e.buf = strconv.AppendBool(e.buf, r.OwnPIDNS)
	e.key("ownKeyring")
	e.buf = strconv.AppendBool(e.buf, r.OwnKeyring)
	e.key("startHooks")
	e.buf = strconv.AppendBool(e.buf, r.StartHooks)
	e.key("stopHooks")
	e.buf = strconv.AppendBool(e.buf, r.StopHooks)
	return append(e.buf, '}', '\n')
}

// Describe is the container's state as hooks get it (runtime.md, state): in
// this status, and without a pid if that is 0.
func (r *Record) Describe(status string, pid int) []byte {
	e := encoder{buf: append(make([]byte, 0, 1024), '{')}
	e.text("ociVersion", r.OCIVersion)
	e.text("id", r.ID)
	e.text("status", status)
	if pid > 0 {
		e.int("pid", int64(pid))
	}
	e.text("bundle", r.Bundle)
	if len(r.Annotations) > 0 {
		e.texts("annotations", r.Annotations)
	}
	return append(e.buf, '}')
}

type encoder struct{ buf []byte }

func (e *encoder) key(name string) {
	if last := e.buf[len(e.buf)-1]; last != '{' {
		e.buf = append(e.buf, ',')
	}
	e.string(name)
	e.buf = append(e.buf, ':')
}

func (e *encoder) int(name string, v int64) {
	e.key(name)
	e.buf = strconv.AppendInt(e.buf, v, 10)
}

func (e *encoder) text(name, v string) {
	e.key(name)
	e.string(v)
}

func (e *encoder) texts(name string, m map[string]string) {
	e.key(name)
	e.buf = append(e.buf, '{')
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e.text(k, m[k])
	}
	e.buf = append(e.buf, '}')
}

// string appends s as a JSON string. Bytes that are no UTF-8 cannot stand in
// JSON at all; they become U+FFFD, as with any encoder of JSON. config.json is
// checked to be UTF-8, so such bytes can come from the path of a bundle only.
func (e *encoder) string(s string) {
	e.buf = append(e.buf, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			e.buf = utf8.AppendRune(e.buf, r)
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			e.buf = append(e.buf, '\\', c)
		case c == '\n':
			e.buf = append(e.buf, '\\', 'n')
		case c < ' ':
			const hex = "0123456789abcdef"
			e.buf = append(e.buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			e.buf = append(e.buf, c)
		}
		i++
	}
	e.buf = append(e.buf, '"')
}
