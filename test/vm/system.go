package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// systemPackages are what a Debian needs beside its base for systemd to run, and
// for a user to have a session, a cgroup and subordinate ids.
const systemPackages = "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,uidmap"

// unit runs the tests once the system is up. It is the machine's only job.
const unit = `[Unit]
Description=tests of vial
After=multi-user.target systemd-user-sessions.service user@1000.service
Wants=user@1000.service

[Service]
Type=oneshot
ExecStart=/payload/bin/init run
ExecStopPost=/usr/bin/systemctl poweroff --force
StandardOutput=journal+console
StandardError=journal+console
TimeoutStartSec=infinity
Delegate=yes

[Install]
WantedBy=default.target
`

// delegate gives users all controllers; Debian gives memory and pids.
const delegate = "[Service]\nDelegate=cpu cpuset io memory pids\n"

// files are what the system has beside its packages.
func files() map[string]string {
	return map[string]string{
		"etc/systemd/system/vial-test.service":             unit,
		"etc/systemd/system/user@.service.d/delegate.conf": delegate,
		"var/lib/systemd/linger/tester":                    "",
		"etc/fstab":                                        "/dev/vda / ext4 rw 0 1\n",
		"etc/hostname":                                     "vial-test\n",
		"etc/systemd/journald.conf.d/volatile.conf":        "[Journal]\nStorage=volatile\n",
	}
}

// links are symbolic ones: they make the tests the system's goal, and take out
// what only costs time.
func links() map[string]string {
	const system = "etc/systemd/system/"
	all := map[string]string{
		system + "default.target.wants/vial-test.service": "../vial-test.service",
		system + "default.target":                         "/lib/systemd/system/multi-user.target",
	}
	for _, name := range []string{
		"apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap.service", "dpkg-db-backup.timer", "fstrim.timer",
		"systemd-modules-load.service", // there are no modules beside those that the first program loads
		"serial-getty@ttyS0.service",   // waits 90 s for a device that nobody tells of
	} {
		all[system+name] = "/dev/null"
	}
	return all
}

// system is a disk with Debian, its systemd, and a user who lingers. Its name
// changes with what it is made of.
func (c cache) system(release string) (string, error) {
	recipe := sha256.Sum256(fmt.Append(nil, systemPackages, files(), links()))
	return c.once(fmt.Sprintf("system-%s-%x.img", release, recipe[:4]), func(path string) error {
		root := path + ".root"
		defer os.RemoveAll(root)
		if err := bootstrap(release, root); err != nil {
			return err
		}
		return writeDisk(root, path)
	})
}

func bootstrap(release, root string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("making a Debian system needs root")
	}
	mirror, err := mirror()
	if err != nil {
		return err
	}
	if err := debootstrap(release, root, mirror); err != nil {
		return err
	}
	if _, err := output("", "chroot", root, "useradd", "--create-home", "--uid", "1000", "--shell", "/bin/sh", "tester"); err != nil {
		return err
	}
	for name, text := range files() {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for name, target := range links() {
		path := filepath.Join(root, name)
		_ = os.Remove(path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(root, "payload"), 0o755)
}

// debootstrap gives a mirror that fails one more chance.
func debootstrap(release, root, mirror string) (err error) {
	for range 2 {
		if err := os.RemoveAll(root); err != nil {
			return err
		}
		_, err = output("", "debootstrap", "--variant=minbase", "--keyring="+keyring, "--include="+systemPackages, release, root, mirror)
		if err == nil {
			break
		}
	}
	return err
}

// writeDisk makes a filesystem of a directory.
func writeDisk(root, path string) error {
	if err := os.RemoveAll(filepath.Join(root, "var/cache/apt")); err != nil {
		return err
	}
	_, err := output("", "mkfs.ext4", "-q", "-d", root, path, "1G")
	return err
}
