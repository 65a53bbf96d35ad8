// Package field names a place in config.json, such as `mounts[3].options[1]`
// or `linux.sysctl["net.ipv4.ip_forward"]`.
//
// What comes in: names of keys and indexes, from whoever walks the config.
// What goes out: a Path, a plain string that is printed as it stands. It is
// how an error, a step of the program and a line of the listing say which
// field of config.json they serve, so all of them must spell it the same way.
//
// The package knows nothing of the config's content and imports nothing but
// strconv. Making a Path allocates, so the walkers make one only when there is
// something to report.
package field

import "strconv"

// A Path is a place in config.json; "" is the whole of it.
type Path string

// At joins the names of keys, from the outermost in.
func At(parts ...string) Path {
	var p Path
	for _, part := range parts {
		p = p.Child(part)
	}
	return p
}

// Child is the key of that name in the object at p.
func (p Path) Child(name string) Path {
	if p == "" {
		return Path(name)
	}
	return p + "." + Path(name)
}

// Index is element i of the array at p.
func (p Path) Index(i int) Path {
	return p + "[" + Path(strconv.Itoa(i)) + "]"
}

// Key is an entry of the map at p. Its name is the author's, not the spec's,
// so it is quoted: it may hold dots, and must not break a line of output.
func (p Path) Key(k string) Path {
	return p + "[" + Path(strconv.Quote(k)) + "]"
}

// An Error is a problem at a place.
type Error struct {
	Path   Path
	Detail string
}

// Error is `path: detail`, or the detail alone for the whole of config.json.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Detail
	}
	return string(e.Path) + ": " + e.Detail
}
