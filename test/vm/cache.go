package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// A cache keeps what is made of Debian's packages. What is in it is complete:
// everything is made beside its place and then renamed. Remove the directory to
// have it all made anew.
type cache struct{ dir string }

func openCache(dir string) (cache, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			base = filepath.Join(os.TempDir(), "cache")
		}
		dir = filepath.Join(base, "vial-test-vm")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return cache{}, err
	}
	return cache{dir}, os.MkdirAll(dir, 0o755)
}

// once is the path of a thing in the cache, made if it is not there. Who comes
// while it is being made waits.
func (c cache) once(name string, make func(path string) error) (string, error) {
	path := filepath.Join(c.dir, name)
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Lstat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(os.Stderr, "vm: making %s\n", path)
	unfinished := path + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	if err := make(unfinished); err != nil {
		return "", err
	}
	return path, os.Rename(unfinished, path)
}

// A kernel is its image and its modules, by name.
type kernel struct {
	image   string
	modules map[string]string
}

// kernel takes a release's kernel for clouds, which is small, out of its package.
func (c cache) kernel(release string) (kernel, error) {
	dir, err := c.once("kernel-"+release, func(path string) error { return fetchKernel(release, path) })
	if err != nil {
		return kernel{}, err
	}
	images, _ := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if len(images) != 1 {
		return kernel{}, fmt.Errorf("%s: %d kernels, want one", dir, len(images))
	}
	modules, err := findModules(dir)
	return kernel{images[0], modules}, err
}

// keyring holds what Debian signs its releases with.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// fetchKernel has apt, with lists of its own, find, verify and fetch a package.
func fetchKernel(release, path string) error {
	mirror, err := mirror()
	if err != nil {
		return err
	}
	apt := filepath.Join(path, "apt")
	for _, dir := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return err
		}
	}
	source := fmt.Sprintf("deb [arch=amd64 signed-by=%s] %s %s main\n", keyring, mirror, release)
	for name, text := range map[string]string{"sources.list": source, "status": ""} {
		if err := os.WriteFile(filepath.Join(apt, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	options := []string{
		"-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64", "-o", "APT::Sandbox::User=root",
		"-o", "Acquire::Retries=5",
		"-o", "Dir::Etc::sourcelist=" + apt + "/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::lists=" + apt + "/lists", "-o", "Dir::State::status=" + apt + "/status",
		"-o", "Dir::Cache=" + apt, "-o", "Dir::Cache::archives=" + apt + "/archives",
	}
	if _, err := output(path, "apt-get", append(options, "-qq", "update")...); err != nil {
		return err
	}
	depends, err := output(path, "apt-cache", append(options, "depends", "linux-image-cloud-amd64")...)
	if err != nil {
		return err
	}
	name := regexp.MustCompile(`Depends: (linux-image-[0-9]\S*)`).FindStringSubmatch(depends)
	if name == nil {
		return fmt.Errorf("%s has no kernel for clouds: %s", release, depends)
	}
	if _, err := output(path, "apt-get", append(options, "-qq", "download", name[1])...); err != nil {
		return err
	}
	packages, _ := filepath.Glob(filepath.Join(path, "*.deb"))
	for _, p := range packages {
		if _, err := output(path, "dpkg-deb", "-x", p, path); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(apt), os.RemoveAll(filepath.Join(path, "usr/share")))
}

// mirror is where this machine's own apt has Debian from; an Ubuntu's has none.
func mirror() (string, error) {
	policy, err := output("", "apt-cache", "policy")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`https?://\S*/debian `).FindString(policy)
	if m == "" {
		return "http://deb.debian.org/debian", nil
	}
	return strings.TrimSpace(m), nil
}

// output runs a command in a directory and is what it printed.
func output(dir, name string, arguments ...string) (string, error) {
	cmd := exec.Command(name, arguments...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, stderr.Bytes())
	}
	return string(out), nil
}
