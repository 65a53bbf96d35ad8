package container

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/config"
)

// ParseResources reads a linux.resources from JSON, as strictly as config.json is
// read, and tells what in it looks like a slip.
func ParseResources(text []byte) (r *specs.LinuxResources, warnings []string, err error) {
	return config.ParseResources(text)
}

// Update changes the limits of a container that has not stopped: those that
// change sets, and no others. Either all of them are in force then, and are kept
// with the container's config, or all is as it was. Device rules do not change.
func (r *Runtime) Update(id string, change *specs.LinuxResources) error {
	return within("update", id, r.update(id, change))
}

func (r *Runtime) update(id string, change *specs.LinuxResources) error {
	dir, status, err := r.inspect(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	if status == Stopped {
		return ErrNotRunning
	}
	kept, err := r.keptConfig(id)
	if err != nil {
		return err
	}
	changed, limits, err := kept.WithResources(change)
	if err != nil {
		return err
	}
	text, err := config.Encode(changed.Spec)
	if err != nil {
		return err
	}
	u, err := cgroup.NewUpdate(dir.Record.Cgroup.Paths, limits)
	if err != nil {
		return err
	}
	for _, list := range [][]string{changed.Warnings, u.Warnings()} {
		for _, w := range list {
			r.warn(w)
		}
	}
	if err := u.Apply(); err != nil {
		return err
	}
	if err := dir.KeepAnew(keptConfig, text); err != nil {
		return joined([]error{fmt.Errorf("keep the new limits: %w", err), u.Undo()})
	}
	if err := u.Announce(systemBus(), dir.Record.Cgroup.Unit); err != nil {
		text, encodeErr := config.Encode(kept.Spec)
		if encodeErr == nil {
			encodeErr = dir.KeepAnew(keptConfig, text)
		}
		return joined([]error{err, encodeErr, u.Undo()})
	}
	return nil
}
