package hostile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// A decoy is a directory of the host's with files that attacks are after. What
// it looked like, with all times of change, is kept; and so is what the program
// under test and the host's own devices look like.
type decoy struct {
	b      *bed.Bundle
	dir    string
	secret string
	before string
}

func newDecoy(b *bed.Bundle) *decoy {
	random := make([]byte, 32)
	_, err := rand.Read(random)
	b.Must(err)
	d := &decoy{b: b, dir: b.Mkdir(b.Path("decoy")), secret: hex.EncodeToString(random)}
	for _, name := range []string{"canary", "ptmx", "null", "console", "passwd", "file"} {
		b.File(d.path(name), name+" "+d.secret)
	}
	b.Mkdir(d.path("empty"))
	b.Mkdir(d.path("sub/dir"))
	b.Fifo(d.path("fifo"))
	d.before = d.snapshot()
	return d
}

func (d *decoy) path(name string) string { return filepath.Join(d.dir, name) }

// unchanged fails the test if anything has happened to the decoy.
func (d *decoy) unchanged() {
	d.b.T.Helper()
	after := d.snapshot()
	if after == d.before {
		return
	}
	was := map[string]bool{}
	for line := range strings.Lines(d.before) {
		was[line] = true
	}
	for line := range strings.Lines(after) {
		if !was[line] {
			d.b.T.Errorf("the host has changed: now there is %s", line)
		}
	}
	d.before = after
}

// snapshot is a line for each file of the host's that nobody may change.
func (d *decoy) snapshot() string {
	d.b.T.Helper()
	var lines strings.Builder
	d.b.Must(filepath.WalkDir(d.dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			lines.WriteString(d.line(path))
		}
		return err
	}))
	lines.WriteString(d.line(bed.Vial()))
	for _, device := range []string{"/dev/null", "/dev/console", "/dev/tty"} {
		var st unix.Stat_t
		if unix.Stat(device, &st) == nil {
			fmt.Fprintf(&lines, "%s %o %d:%d\n", device, st.Mode, st.Uid, st.Gid)
		}
	}
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	d.b.Must(err)
	fmt.Fprintf(&lines, "core_pattern %s", pattern)
	return lines.String()
}

func (d *decoy) line(path string) string {
	var st unix.Stat_t
	d.b.Must(unix.Lstat(path, &st))
	sum := ""
	if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size < 1<<16 {
		text, err := os.ReadFile(path)
		d.b.Must(err)
		sum = fmt.Sprintf("%x", sha256.Sum256(text))
	}
	return fmt.Sprintf("%s %o %d:%d size %d links %d mtime %d.%d ctime %d.%d %s\n", path, st.Mode, st.Uid, st.Gid,
		st.Size, st.Nlink, st.Mtim.Sec, st.Mtim.Nsec, st.Ctim.Sec, st.Ctim.Nsec, sum)
}
