package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// A place is the mount namespace that bench works in, with a tmpfs in it.
type place struct {
	dir      string // of the tmpfs
	programs string // where the runtimes are, on the disk that has the tmpfs's directory
	view     string // how the cgroups that are to be seen came about, in words
}

// placeVariable tells bench, executed again, that it is in its place.
const placeVariable = "VIAL_BENCH_PLACE"

const cgroupRoot = "/sys/fs/cgroup"

// enterPlace moves into a mount namespace of its own. Only one thread can do
// that by unshare(2), so bench executes itself from that thread: then there is
// no other one.
func enterPlace(o *options) (*place, error) {
	if dir := os.Getenv(placeVariable); dir != "" {
		os.Unsetenv(placeVariable)
		p := &place{dir: dir, programs: dir + "-programs", view: "the host's"}
		if err := os.Mkdir(p.programs, 0o755); err != nil {
			return nil, err
		}
		if o.cgroup == "v2" {
			return p, p.plainCgroup2()
		}
		return p, nil
	}
	dir, err := os.MkdirTemp("", "vial-bench-")
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	if err = isolate(dir); err == nil {
		env := append(os.Environ(), placeVariable+"="+dir)
		err = unix.Exec("/proc/self/exe", os.Args, env)
	}
	// Here only on an error. The namespace ends with this process.
	unix.Unmount(dir, unix.MNT_DETACH)
	os.Remove(dir)
	return nil, fmt.Errorf("move into a mount namespace: %w", err)
}

func isolate(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("vial-bench", dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", dir, err)
	}
	return nil
}

// leave removes what is left outside of the namespace.
func (p *place) leave() {
	removeParents()
	os.RemoveAll(p.programs)
	unix.Unmount(p.dir, unix.MNT_DETACH)
	os.Remove(p.dir)
}

// removeParents removes what held the containers' cgroups, which no runtime does.
func removeParents() {
	for _, m := range cgroupMounts() {
		os.Remove(filepath.Join(m.mountpoint, cgroupParent))
	}
}

// plainCgroup2 replaces the cgroups that are to be seen here by a cgroup2 of
// its own, if they are anything else. Controllers that v1 hierarchies have on
// this host are missing in it.
func (p *place) plainCgroup2() error {
	removeParents() // of trials on the cgroups that are about to go out of sight
	if mode := cgroupMode(); mode != "v2" {
		p.view = "a private cgroup2 on a host with " + mode
	} else {
		return nil
	}
	for {
		// Lazily: with all that is mounted below, and at once.
		err := unix.Unmount(cgroupRoot, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) {
			break
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", cgroupRoot, err)
		}
	}
	if err := unix.Mount("none", cgroupRoot, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount cgroup2 on %s: %w", cgroupRoot, err)
	}
	return nil
}

// settle tries every runtime once. If a peer cannot work with the host's
// cgroups (crun without cgroup v1), it changes the view, if that is left to it;
// and leaves out, with a word, who then cannot work either.
func (p *place) settle(o *options, s *spawner, runtimes []Runtime, b *bundles) ([]Runtime, error) {
	if err := tryAll(s, runtimes[1:], b); err != nil && o.cgroup == "auto" && cgroupMode() != "v2" {
		if err := p.plainCgroup2(); err != nil {
			return nil, err
		}
		if err := b.writeDefault(runtimes[0]); err != nil {
			return nil, err
		}
	}
	if err := tryAll(s, runtimes[:1], b); err != nil {
		return nil, err
	}
	able := runtimes[:1:1]
	for i, r := range runtimes[1:] {
		if err := tryAll(s, runtimes[i+1:i+2], b); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s is left out: %v\n", r.Name, err)
			continue
		}
		able = append(able, r)
	}
	return able, nil
}

func tryAll(s *spawner, runtimes []Runtime, b *bundles) error {
	for i := range runtimes {
		for _, bundle := range []string{b.standard[0], b.docker[0]} {
			if _, err := s.run(runtimes[i].runCommand(bundle)); err != nil {
				return err
			}
		}
	}
	return nil
}
