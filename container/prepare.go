package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// prepared is a container of which all is known and nothing exists.
type prepared struct {
	id      string
	options Options
	config  *config.Config
	facts   host.Facts
	cgroups *cgroup.Plan
	output  *compile.Output
	rootfs  string
}

// prepare reads, checks and compiles. It touches nothing.
func prepare(id string, o Options, start compile.StartMode) (*prepared, error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	o, err := o.absolute()
	if err != nil {
		return nil, err
	}
	p := &prepared{id: id, options: o}
	if p.config, err = readConfig(o); err != nil {
		return nil, err
	}
	for _, w := range p.config.Warnings {
		o.Warn(w)
	}
	if p.config.Spec.Process.Terminal {
		return nil, errors.New("process.terminal: vial has no terminals yet: set it to false (vial spec -- COMMAND does)")
	}
	if p.rootfs, err = findRootfs(o.Bundle, p.config.Spec.Root.Path); err != nil {
		return nil, err
	}
	if p.facts, err = gather.Facts(); err != nil {
		return nil, err
	}
	if p.cgroups, err = cgroup.NewPlan(&p.facts, p.config.Spec, id); err != nil {
		return nil, err
	}
	for _, w := range p.cgroups.Warnings() {
		o.Warn(w)
	}
	return p, p.compile(start)
}

// configLimit is how large a config.json may be, in bytes.
const configLimit = 16 << 20

func readConfig(o Options) (*config.Config, error) {
	if o.Spec != nil {
		return config.FromSpec(o.Spec)
	}
	// Not by os.Open: that would set up Go's poller, which takes time, and
	// crashes if there are too few descriptors.
	fd, err := unix.Open(o.ConfigFile, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("JSON specification file %s not found: make one with vial spec, or name its folder with --bundle", o.ConfigFile)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.ConfigFile, err)
	}
	defer unix.Close(fd)
	data, err := readRegular(fd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.ConfigFile, err)
	}
	return config.Parse(data)
}

func readRegular(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.New("not a regular file")
	}
	if st.Size > configLimit {
		return nil, fmt.Errorf("%d bytes are more than the %d that a config may have", st.Size, configLimit)
	}
	data := make([]byte, st.Size)
	for n := 0; n < len(data); {
		k, err := unix.Read(fd, data[n:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, fmt.Errorf("read: %w", err)
		case k == 0:
			return nil, errors.New("read: the file shrinks meanwhile")
		}
		n += k
	}
	return data, nil
}

func findRootfs(bundle, path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(bundle, path)
	}
	path = filepath.Clean(path)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("root.path: invalid rootfs: %s does not exist", path)
	case err != nil:
		return "", fmt.Errorf("root.path: invalid rootfs: %w", err)
	case info.Mode()&os.ModeSymlink != 0:
		return "", fmt.Errorf("root.path: invalid rootfs: %s is a symlink: name what it leads to", path)
	case !info.IsDir():
		return "", fmt.Errorf("root.path: invalid rootfs: %s is no directory", path)
	case path == "/":
		return "", fmt.Errorf("root.path: invalid rootfs: / is the host's own root")
	}
	return path, nil
}

func (p *prepared) compile(start compile.StartMode) error {
	in := compile.Input{
		Config: p.config, Facts: p.facts, ID: p.id,
		Bundle: p.options.Bundle, Rootfs: p.rootfs, Start: start, Keyring: p.options.Keyring,
		CgroupDirs: p.cgroups.Dirs(),
	}
	for fd := range in.Stdio {
		in.Stdio[fd] = stdioOf(fd)
	}
	for i, m := range p.config.Mounts {
		if !m.CopySymlink {
			continue
		}
		source := m.Source
		if !filepath.IsAbs(source) {
			source = filepath.Join(p.options.Bundle, source)
		}
		if link, err := os.Readlink(source); err == nil {
			if in.SymlinkSources == nil {
				in.SymlinkSources = map[int]string{}
			}
			in.SymlinkSources[i] = link
		}
	}
	var err error
	if p.config.RootPropagation&unix.MS_SHARED != 0 {
		if in.RootfsMountpoint, err = mountpointOf(p.rootfs); err != nil {
			return err
		}
	}
	p.output, err = compile.Compile(in)
	if err == nil && p.options.testOnlyPlant != nil {
		p.options.testOnlyPlant(p.output.Program)
	}
	return err
}

func stdioOf(fd int) compile.Stdio {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return compile.Stdio{}
	}
	null := st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
	return compile.Stdio{Null: null, UID: st.Uid}
}

// mountpointOf is where the mount that holds path is mounted.
func mountpointOf(path string) (string, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	best := "/"
	for line := range strings.Lines(string(info)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		at := fields[4]
		if (path == at || strings.HasPrefix(path, at+"/")) && len(at) > len(best) {
			best = at
		}
	}
	return best, nil
}
