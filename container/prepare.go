package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	stdio   [3]int
	config  *config.Config
	text    []byte // of config.json; nil if the config was made in memory
	facts   host.Facts
	cgroups *cgroup.Plan
	output  *compile.Output
	rootfs  string
	debug   debugger

	start     compile.StartMode
	notifyDir string // on the host; empty without a service manager to be told
}

// prepare reads, checks and compiles. It touches nothing.
func (r *Runtime) prepare(id string, o Options, start compile.StartMode) (*prepared, error) {
	p, err := r.read(id, o, start)
	if err == nil {
		err = r.plan(p)
	}
	return p, err
}

// read is what config.json says, without a look at the host.
func (r *Runtime) read(id string, o Options, start compile.StartMode) (*prepared, error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	o, err := o.absolute()
	if err != nil {
		return nil, err
	}
	p := &prepared{id: id, options: o, debug: r.debug(), start: start}
	if err := checkPreserved(o.preserved()); err != nil {
		return nil, err
	}
	if p.stdio, err = stdio(o.Stdin, o.Stdout, o.Stderr); err != nil {
		return nil, err
	}
	if p.config, p.text, err = readConfig(o); err != nil {
		return nil, err
	}
	for _, w := range p.config.Warnings {
		o.Warn(w)
	}
	return p, nil
}

// plan makes of the config and the host what is to be done.
func (r *Runtime) plan(p *prepared) (err error) {
	o := p.options
	p.activate()
	if r.notifies() {
		p.notify(r.store())
	}
	if p.rootfs, err = findRootfs(o.Bundle, p.config.Spec.Root.Path); err != nil {
		return err
	}
	p.config.Beneath(p.rootfs)
	if p.facts, err = gather.Facts(); err != nil {
		return err
	}
	for _, w := range notGranted(p.config, &p.facts) {
		o.Warn(w)
	}
	if p.cgroups, err = cgroup.NewPlan(&p.facts, p.config.Spec, p.id, o.Cgroups); err != nil {
		return err
	}
	if o.Cgroups == CgroupDisabled && !p.config.Namespaces.Has(unix.CLONE_NEWPID) {
		o.Warn("neither cgroups nor a pid namespace: kill and delete find the container's first process and no other")
	}
	for _, w := range p.cgroups.Warnings() {
		o.Warn(w)
	}
	if err := p.compile(); err != nil {
		return err
	}
	p.debug.compiled(p.output.Program)
	return nil
}

// notGranted is a warning for capabilities that compile leaves out.
func notGranted(cfg *config.Config, facts *host.Facts) []string {
	return cfg.BeyondOwn(compile.Grantable(cfg, facts))
}

// configLimit is how large a config.json may be, in bytes.
const configLimit = 16 << 20

func readConfig(o Options) (*config.Config, []byte, error) {
	if o.Spec != nil {
		cfg, err := config.FromSpec(o.Spec)
		return cfg, nil, err
	}
	data, err := readFile(o.ConfigFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("JSON specification file %s not found: make one with vial spec, or name its folder with --bundle", o.ConfigFile)
	}
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Parse(data)
	return cfg, data, err
}

// readFile reads a config. Not by os.Open: that would set up Go's poller, which
// takes time, and crashes if there are too few descriptors.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	data, err := readRegular(fd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// readPiped reads what the command line names, which may be a pipe as well.
func readPiped(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	var data []byte
	for buf := make([]byte, 16<<10); ; {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: read: %w", path, err)
		case n == 0:
			return data, nil
		}
		if data = append(data, buf[:n]...); len(data) > configLimit {
			return nil, fmt.Errorf("%s: more than the %d bytes that a process may have", path, configLimit)
		}
	}
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

func (p *prepared) compile() error {
	in := compile.Input{
		Config: p.config, Facts: p.facts, ID: p.id,
		Bundle: p.options.Bundle, Rootfs: p.rootfs, Start: p.start, Keyring: p.options.Keyring, Root: p.options.Root,
		CgroupDirs: p.cgroups.Dirs(), Unit: p.cgroups.Unit(), Preserve: p.options.preserved(),
		NotifyDir: p.notifyDir,
	}
	for i, fd := range p.stdio {
		in.Stdio[i] = stdioOf(fd)
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
	err := p.hostMounts(&in)
	if err != nil {
		return err
	}
	p.output, err = compile.Compile(in)
	if err == nil && p.options.testOnlyPlant != nil {
		p.options.testOnlyPlant(p.output.Program)
	}
	return err
}

// stdio are the descriptors of standard input, output and error: the caller's own
// for a nil.
func stdio(in, out, errs *os.File) ([3]int, error) {
	fds := [3]int{0, 1, 2}
	for i, f := range [3]*os.File{in, out, errs} {
		if f == nil {
			continue
		}
		if fds[i] = int(f.Fd()); fds[i] < 0 {
			return fds, fmt.Errorf("%s: %w", [3]string{"stdin", "stdout", "stderr"}[i], os.ErrClosed)
		}
	}
	return fds, nil
}

func stdioOf(fd int) compile.Stdio {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return compile.Stdio{}
	}
	null := st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
	return compile.Stdio{Null: null, UID: st.Uid}
}
