// Command vm runs the tests in virtual machines: settings that the host is not.
// It prints what `go test -json` would, for test/report to read, with a package
// for each setting that passes if the machine did all of its tests, whatever
// came of them.
//
//	debian12, debian13   a Debian kernel and an initramfs that holds vial, the
//	                     compiled tests and nothing else: all controllers of
//	                     cgroup v2, no systemd
//	systemd              Debian 13 as it is installed: tests run as root
//	user                 the same machine: tests run as a user without privileges
//	                     who lingers, has subordinate ids and a cgroup of his own
//
// qemu emulates them without acceleration, so that they run everywhere; what they
// do takes ten to twenty times as long as on the host. Kernels and the system come
// from Debian's packages, and stay in a cache outside the repository.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	var o options
	flag.StringVar(&o.settings, "settings", "", "the settings to run, separated by commas; all if empty")
	flag.StringVar(&o.suites, "suites", "", "the packages to run, separated by commas; all if empty")
	flag.StringVar(&o.run, "run", "", "only tests that match, as for go test")
	flag.StringVar(&o.cache, "cache", "", "where kernels and images are kept (default: vial-test-vm in the user's cache)")
	flag.StringVar(&o.keep, "keep", "", "a directory to leave all that the machines printed in")
	flag.DurationVar(&o.timeout, "timeout", 30*time.Minute, "how long one machine may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

type options struct {
	settings, suites, run, cache, keep string
	timeout                            time.Duration
}

// run opens all settings before anything can go wrong, so that a report has a
// line for each, whatever becomes of it.
func run(ctx context.Context, o options) error {
	chosen := choose(machines(), o.settings)
	if len(chosen) == 0 {
		return fmt.Errorf("there is no setting %s", o.settings)
	}
	p := &printer{w: os.Stdout}
	for _, m := range chosen {
		p.open(m.settings)
	}
	tmp, err := os.MkdirTemp("", "vial-test-vm-")
	if err != nil {
		return p.lose(chosen, err)
	}
	defer os.RemoveAll(tmp)
	cache, payload, err := prepare(tmp, o)
	if err != nil {
		return p.lose(chosen, err)
	}
	// Those that take longest begin.
	slices.SortStableFunc(chosen, func(a, b machine) int { return len(b.settings) - len(a.settings) })
	bootAll(ctx, chosen, func(ctx context.Context, m machine) {
		ctx, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		guest, err := m.prepare(cache, payload)
		if err != nil {
			p.fail(p.lose([]machine{m}, err))
			return
		}
		p.fail(p.print(guest.run(ctx)))
		p.fail(guest.keep(o.keep))
	})
	return p.err
}

// prepare makes what all machines share.
func prepare(tmp string, o options) (cache, payload, error) {
	if err := tools(); err != nil {
		return cache{}, payload{}, err
	}
	c, err := openCache(o.cache)
	if err != nil {
		return c, payload{}, err
	}
	p, err := build(tmp, o)
	return c, p, err
}

// atOnce is how many machines run at a time. Each keeps one CPU busy.
const atOnce = 2

func bootAll(ctx context.Context, all []machine, boot func(context.Context, machine)) {
	var running sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, m := range all {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			boot(ctx, m)
		})
	}
	running.Wait()
}

// listed tells whether a list separated by commas is empty or has a word.
func listed(list, word string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), word)
}

// tools looks for what has to be installed.
func tools() error {
	var missing []string
	for _, t := range []struct{ command, pkg string }{
		{"qemu-system-x86_64", "qemu-system-x86"}, {"debootstrap", "debootstrap"}, {"mkfs.ext4", "e2fsprogs"},
		{"dpkg-deb", "dpkg"}, {"apt-get", "apt"}, {"xz", "xz-utils"},
	} {
		if _, err := exec.LookPath(t.command); err != nil {
			missing = append(missing, t.pkg)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		missing = append(missing, "debian-archive-keyring")
	}
	if len(missing) > 0 {
		return fmt.Errorf("these are missing; install them: apt-get install %s", strings.Join(missing, " "))
	}
	return nil
}

// A machine is a kernel and what it boots into.
type machine struct {
	name     string
	release  string   // whose kernel it has
	system   bool     // Debian with systemd, on a disk
	modules  []string // that its first program loads
	settings []string // that it offers
}

func machines() []machine {
	return []machine{
		{name: "debian12", release: "bookworm", modules: []string{"overlay", "fuse", "loop"}, settings: []string{"debian12"}},
		{name: "debian13", release: "trixie", modules: []string{"overlay", "fuse", "loop"}, settings: []string{"debian13"}},
		{name: "systemd", release: "trixie", system: true, settings: []string{"systemd", "user"},
			modules: []string{"overlay", "fuse", "loop", "virtio_pci", "virtio_blk", "crc32c_generic", "ext4"}},
	}
}

// choose leaves the machines that offer a setting of the list, with those alone.
func choose(all []machine, settings string) []machine {
	var chosen []machine
	for _, m := range all {
		m.settings = slices.DeleteFunc(m.settings, func(s string) bool { return !listed(settings, s) })
		if len(m.settings) > 0 {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// prepare makes what a machine boots from.
func (m machine) prepare(c cache, p payload) (guest, error) {
	g := guest{name: m.name, dir: p.dir, settings: m.settings, suites: p.suites, initramfs: filepath.Join(p.dir, m.name+".cpio")}
	k, err := c.kernel(m.release)
	if err != nil {
		return g, err
	}
	g.kernel = k.image
	if m.system {
		if g.disk, err = c.system(m.release); err != nil {
			return g, err
		}
	}
	return g, writeInitramfs(g.initramfs, p, k, m)
}
