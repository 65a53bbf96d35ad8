package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// bundles are one for each worker, so that workers do not meet in a cgroup
// that the config names; every runtime gets the same ones. The first serves
// whatever is not parallel.
type bundles struct {
	standard, docker []string
}

func makeBundles(vial Runtime, p *place, workers int) (*bundles, error) {
	b := &bundles{}
	for i := range workers {
		for _, kind := range []string{"default", "docker"} {
			name := kind + strconv.Itoa(i)
			dir := filepath.Join(p.dir, name)
			if err := makeRootfs(dir); err != nil {
				return nil, err
			}
			if kind == "default" {
				b.standard = append(b.standard, dir)
				continue
			}
			b.docker = append(b.docker, dir)
			if err := writeDocker(dir, name); err != nil {
				return nil, err
			}
		}
	}
	return b, b.writeDefault(vial)
}

func makeRootfs(bundle string) error {
	rootfs := filepath.Join(bundle, "rootfs")
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return err
	}
	program, err := smallestTrue(runtime.GOARCH)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(rootfs, "true"), program, 0o755)
}

func writeDocker(bundle, name string) error {
	for _, file := range dockerFiles {
		if err := os.WriteFile(filepath.Join(bundle, file), []byte("bench\n"), 0o644); err != nil {
			return err
		}
	}
	text, err := dockerConfig(bundle, name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644)
}

// writeDefault lets vial write its default config. It depends on the cgroups
// that are to be seen, so it is written anew when their view changes.
func (b *bundles) writeDefault(vial Runtime) error {
	for _, bundle := range b.standard {
		if err := os.RemoveAll(filepath.Join(bundle, "config.json")); err != nil {
			return err
		}
		text, err := exec.Command(vial.Path, "spec", "--bundle", bundle, "--", "/true").CombinedOutput()
		if err != nil {
			return fmt.Errorf("vial spec: %w: %s", err, text)
		}
	}
	return nil
}

// namespacesOf lists the namespaces of a bundle's config.
func namespacesOf(bundle string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return nil, err
	}
	var spec specs.Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("%s: %w", bundle, err)
	}
	var list []string
	for _, ns := range spec.Linux.Namespaces {
		list = append(list, strings.ToLower(string(ns.Type)))
	}
	return list, nil
}
