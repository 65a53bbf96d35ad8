package main

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/vial-run/vial/internal/config"
)

// TestSmallestTrue lets somebody else read the executable, for every CPU.
func TestSmallestTrue(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		image, err := smallestTrue(arch)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(image))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		if f.Machine != machine || f.Type != elf.ET_EXEC || len(f.Progs) != 1 {
			t.Fatalf("%s: %+v", arch, f.FileHeader)
		}
		segment := f.Progs[0]
		if segment.Type != elf.PT_LOAD || segment.Flags != elf.PF_R|elf.PF_X || segment.Filesz != uint64(len(image)) {
			t.Errorf("%s: %+v of %d bytes", arch, segment.ProgHeader, len(image))
		}
		if code := image[f.Entry-segment.Vaddr:]; !bytes.Equal(code, exits[arch]) {
			t.Errorf("%s: starts at % x", arch, code)
		}
	}
	if _, err := smallestTrue("vax"); err == nil {
		t.Error("vax: want an error")
	}
}

func TestSmallestTrueRuns(t *testing.T) {
	image, err := smallestTrue(runtime.GOARCH)
	if err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "true")
	if err := os.WriteFile(file, image, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v, %q", err, out)
	}
}

// TestDockerConfig: vial's own checks accept it, without a warning.
func TestDockerConfig(t *testing.T) {
	text, err := dockerConfig("/bundle", "docker0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
	if n := len(c.Spec.Process.Capabilities.Bounding); n != 14 {
		t.Errorf("%d capabilities, Docker gives 14", n)
	}
}

func TestNamespacesOf(t *testing.T) {
	bundle := t.TempDir()
	if err := writeDocker(bundle, "docker0"); err != nil {
		t.Fatal(err)
	}
	got, err := namespacesOf(bundle)
	if want := []string{"mount", "network", "uts", "pid", "ipc", "cgroup"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}
